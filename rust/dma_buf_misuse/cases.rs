// SPDX-License-Identifier: GPL-2.0

//! The cases. Their numbers are those of selftests/suites/lockdep.

use dma_buf::{
    signalling,
    ContextOptions,
    Domain,
    Fence,
    FenceCallbackRegistration,
    FenceContext,
    FenceContextOps,
    Forward,
    LockClass,
    QueueIrqWork,
    Wait,
    MAX_LOCKDEP_NAMES, //
};
use kernel::{
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    }, //
};

struct Mock;

#[vtable]
impl FenceContextOps for Mock {
    type FenceData = ();
}

/// A fence that has signalled: waits for it return, and are annotated all the
/// same.
fn signaled() -> ARef<Fence> {
    Fence::stub()
}

fn lock() -> Result<Arc<Mutex<()>>> {
    Arc::pin_init(new_mutex!((), "misuse_lock"), GFP_KERNEL)
}

pub(crate) fn run(case: u32) -> Result {
    let wait = Wait::new();
    let fence = signaled();

    match case {
        // A wait in a section, which the core's annotation lets pass.
        1 => {
            signalling(|_| wait.on(&fence))?;
        }
        // The same, declared to be for something that completes before.
        2 => {
            signalling(|_| wait.ordered().on(&fence))?;
        }
        // A wait in a domain, in a section of the same, however it is ordered.
        3 => {
            let domain = Domain::new(c"misuse_domain")?;

            domain.signalling(|_| wait.ordered().domain(domain).on(&fence))?;
        }
        // Two domains that wait for each other.
        4 => {
            let a = Domain::new(c"misuse_domain_a")?;
            let b = Domain::new(c"misuse_domain_b")?;

            a.signalling(|_| wait.ordered().domain(b).on(&fence))?;
            b.signalling(|_| wait.ordered().domain(a).on(&fence))?;
        }
        // One domain that waits for another, and for nobody else.
        5 => {
            let a = Domain::new(c"misuse_domain_a")?;
            let b = Domain::new(c"misuse_domain_b")?;

            a.signalling(|_| wait.ordered().domain(b).on(&fence))?;
            wait.domain(a).on(&fence)?;
            wait.domain(b).on(&fence)?;
        }
        // A lock taken in a section, and held over a wait: the domain's name is
        // in the report, although the core finds it, too.
        6 => {
            let domain = Domain::new(c"misuse_domain")?;
            let lock = lock()?;

            domain.signalling(|_| drop(lock.lock()));
            let guard = lock.lock();
            wait.domain(domain).on(&fence)?;
            drop(guard);
        }
        // The same without a domain, over a wait for any of several, which the
        // core does not annotate.
        7 => {
            let lock = lock()?;

            signalling(|_| drop(lock.lock()));
            let guard = lock.lock();
            wait.on_any(&[&fence])?;
            drop(guard);
        }
        // An allocation that may wait for fences, in a section.
        8 => {
            signalling(|_| KBox::new(0u8, GFP_KERNEL).map(drop))?;
        }
        // One that may not.
        9 => {
            signalling(|_| KBox::new(0u8, GFP_ATOMIC).map(drop))?;
        }
        // Forwards of a forward of a forward: no fence is signalled with the lock
        // of another held.
        10 => {
            let context = FenceContext::new(c"misuse", c"source", Mock)?;
            let source = context.new_fence(context.new_fence_allocation(())?);
            let mut last = source.fence();
            let mut forwards = KVec::new();

            for _ in 0..3 {
                let context = FenceContext::new(c"misuse", c"forward", Mock)?;
                let target = context.new_fence(context.new_fence_allocation(())?);
                let fence = target.fence();
                let mut forward = Forward::new()?;

                forward.start(&last, target).map_err(|_| EBUSY)?;
                forwards.push((context, forward), GFP_KERNEL)?;
                last = fence;
            }
            source.signal(Err(EIO));
            last.wait()?;
            if last.error() != Some(EIO) {
                return Err(EINVAL);
            }
        }
        // A class for fences' locks shows under its name: the lock is in a cycle.
        11 => {
            let class = LockClass::new(c"misuse_fence_class")?;
            let context = FenceContext::with_options(
                c"misuse",
                c"class",
                ContextOptions::new().lock_class(class),
                Mock,
            )?;
            let driver = context.new_fence(context.new_fence_allocation(())?);
            let work = dma_buf::IrqWork::new(Idle)?;
            let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;

            // fence's lock -> (nothing); then the lock of another fence of the
            // class, in a callback: what a driver must not do, done by hand.
            callback
                .as_mut()
                .register(driver.as_fence(), QueueIrqWork(work.queuer()))?;
            drop(callback);
            let other = context.new_fence(context.new_fence_allocation(())?);
            let mut nested = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
            nested
                .as_mut()
                .register(driver.as_fence(), Touch(other.fence()))?;
            driver.signal(Ok(()));
            other.signal(Ok(()));
        }
        // Fences dropped unsignalled: of each context, the log has one line, but not
        // of one whose fences had been completed.
        12 => {
            for (name, complete) in [(c"one", false), (c"two", false), (c"none", true)] {
                let context = FenceContext::new(c"misuse", name, Mock)?;
                let next = || {
                    context
                        .new_fence_allocation(())
                        .map(|m| context.new_fence(m))
                };
                let fences = [next()?, next()?, next()?];

                if complete {
                    context.signal_up_to(3);
                }
                drop(fences);
            }
        }
        // More names than there is room for; one that is known needs none.
        13 => {
            for n in 0..MAX_LOCKDEP_NAMES {
                let name = CString::try_from_fmt(fmt!("misuse_{n}"))?;

                if n % 2 == 0 {
                    Domain::new(&name)?;
                } else {
                    LockClass::new(&name)?;
                }
            }
            Domain::new(c"misuse_0")?;
            LockClass::new(c"misuse_1")?;
            // Of the other kind, that is another name.
            if LockClass::new(c"misuse_0").map(|_| ()) != Err(ENOSPC)
                || Domain::new(c"misuse_1").map(|_| ()) != Err(ENOSPC)
                || Domain::new(c"misuse_more").map(|_| ()) != Err(ENOSPC)
            {
                return Err(EINVAL);
            }
        }
        _ => return Err(EINVAL),
    }
    Ok(())
}

/// An irq_work that does nothing.
struct Idle;

impl dma_buf::IrqWorkItem for Idle {
    fn run(&self, _section: &dma_buf::Section<'_>) {}
}

/// A callback that takes the lock of another fence.
struct Touch(ARef<Fence>);

// SAFETY: It breaks the rule against taking another fence's lock on purpose: the
// other one is not locked, so there is a report and no deadlock. It is not leaked.
unsafe impl dma_buf::FenceCallback for Touch {
    fn called(&self, _fence: &Fence) {
        self.0.enable_signaling();
    }
}
