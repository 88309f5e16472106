// SPDX-License-Identifier: GPL-2.0

//! What is forgotten.

use crate::{
    chain::Ends,
    foreign,
    hand_out,
    ring,
    ring_with,
    Ring, //
};
use dma_buf::{
    array::{
        FenceArray,
        FenceArrayAllocation, //
    },
    callback::{
        FenceCallbackRegistration,
        QueueIrqWork,
        QueueWork, //
    },
    chain::FenceChainAllocation,
    delegate::{
        Cleanup,
        CleanupWork,
        Delegate,
        FenceProxyAllocation,
        IrqWork,
        SignallingWork,
        Timer,
        WeakRef,
        WorkRef,
        Workqueue, //
    },
    job_queue::{
        Completer,
        Dependencies,
        JobQueue,
        JobQueueOptions,
        JobRunner, //
    },
    lockdep::LockClass,
    resv::{
        Resv,
        ResvSet,
        ResvUsage, //
    },
    ContextNumbers,
    ContextOptions,
    Fence,
    RcuFence,
    SignallingSection,
    SyncFile,
    SyncFileAllocation, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

#[cfg(CONFIG_DEBUG_KMEMLEAK)]
extern "C" {
    // include/linux/kmemleak.h; the kernel crate does not bind it.
    fn kmemleak_not_leak(ptr: *const kernel::ffi::c_void);
}

/// What goes when the module goes.
#[derive(Default)]
pub(crate) struct Left {
    _chain: Option<Ends>,
    pub(crate) cleanup: Option<CleanupWork<Slow>>,
}

/// Leaves something behind. The tests in selftests/unload know these numbers.
pub(crate) fn leave(what: u32) -> Result<Left> {
    let mut left = Left::default();

    match what {
        0 => context()?,
        1 => handle_and_context()?,
        2 => registration()?,
        3 => proxy()?,
        4 => works()?,
        5 => left._chain = Some(Ends::new(64)?),
        // Nothing, but what another module leaves here.
        6 => {}
        7 => lock_class()?,
        8 => contexts()?,
        9 => left.cleanup = Some(cleanup()?),
        10 => job_queue()?,
        11 => allocations()?,
        12 => containers()?,
        13 => job()?,
        _ => return Err(EINVAL),
    }
    Ok(left)
}

/// Forgets something, in memory that kmemleak takes for no leak, as it takes
/// nothing that it finds in there.
fn forget<T>(value: T) -> Result {
    let memory = KBox::into_raw(KBox::new(value, GFP_KERNEL)?);

    // SAFETY: The memory is from the allocator.
    #[cfg(CONFIG_DEBUG_KMEMLEAK)]
    unsafe {
        kmemleak_not_leak(memory.cast())
    };
    let _ = memory;
    Ok(())
}

/// A context, with a fence that is pending, and one that is done but not first.
fn context() -> Result {
    let ring = ring()?;
    let first = ring.new_fence(ring.new_fence_allocation(1)?);
    let second = ring.new_fence(ring.new_fence_allocation(2)?);

    hand_out(first.as_fence())?;
    hand_out(second.as_fence())?;
    second.signal(Err(EIO));
    forget((first, ring))
}

/// Contexts, more than are dealt with at a time, of which the last has a pending fence. The
/// first one is dropped.
fn contexts() -> Result {
    let first = ring()?;
    let mut rings = KVec::new();

    for _ in 0..300 {
        rings.push(ring()?, GFP_KERNEL)?;
    }
    let last = ring()?;
    let fence = last.new_fence(last.new_fence_allocation(1)?);

    drop(first);
    hand_out(fence.as_fence())?;
    forget((fence, last, rings))
}

/// A context whose fences' locks are of a class of its own, with one that is pending.
fn lock_class() -> Result {
    // The name, too, is this module's.
    let options = ContextOptions::new().lock_class(LockClass::new(c"unload fence")?);
    let ring = ring_with(options)?;
    let fence = ring.new_fence(ring.new_fence_allocation(1)?);

    hand_out(fence.as_fence())?;
    forget((fence, ring))
}

/// A handle; its context is dropped, long before the module goes.
fn handle_and_context() -> Result {
    let ring = ring()?;
    let fence = ring.new_fence(ring.new_fence_allocation(1)?);

    hand_out(fence.as_fence())?;
    forget(fence)
}

/// What a callback leads to: nothing much, but in the text of this module.
struct Body {
    name: &'static str,
    _memory: KBox<u64>,
}

impl Delegate for Body {
    fn run(&self, _section: &SignallingSection<'_>) {
        pr_info!("the {} runs\n", self.name);
    }
}

fn body(name: &'static str) -> Result<Body> {
    Ok(Body {
        name,
        _memory: KBox::new(0, GFP_KERNEL)?,
    })
}

/// Registrations on a foreign fence, which signals when the module has gone.
fn registration() -> Result {
    let fence = foreign()?;
    let irq_work = IrqWork::new(body("irq_work")?)?;
    let work = SignallingWork::new(body("work")?)?;
    let mut first = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
    let mut second = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;

    first
        .as_mut()
        .register(&fence, QueueIrqWork(irq_work.to_ref()))?;
    second.as_mut().register(&fence, QueueWork(work.to_ref()))?;
    forget((first, second))
}

/// A proxy from a foreign fence to one of a context that is forgotten, too.
fn proxy() -> Result {
    let source = foreign()?.to_unwrapped()?;
    let proxy = FenceProxyAllocation::new()?;
    let ring = ring()?;
    let target = ring.new_fence(ring.new_fence_allocation(1)?);

    hand_out(target.as_fence())?;
    forget((proxy.start(&source, target), ring))
}

/// Queues itself for ever, as work that polls does. It says so once, and then takes its time:
/// longer than a grace period.
struct Again {
    me: WeakRef<WorkRef>,
    runs: Atomic<u32>,
}

impl Delegate for Again {
    fn run(&self, _section: &SignallingSection<'_>) {
        let is_slow = self.runs.load(Relaxed) > 10;

        fsleep(Delta::from_millis(if is_slow { 1000 } else { 1 }));
        if self.runs.fetch_add(1, Relaxed) == 10 {
            pr_info!("it goes on\n");
        }
        if let Some(me) = self.me.upgrade() {
            me.queue();
        }
    }
}

/// Keeps a workqueue busy, until the module is going.
struct Hold;

impl Delegate for Hold {
    fn run(&self, _section: &SignallingSection<'_>) {
        fsleep(Delta::from_millis(1000));
    }
}

/// A work and a timer that are to run when the module has gone, and work that never ends.
fn works() -> Result {
    let queue = Workqueue::new(c"unload")?;
    let hold = SignallingWork::new_on(&queue, Hold)?;
    let work = SignallingWork::new_on(&queue, body("work")?)?;
    let timer = Timer::new(body("timer")?)?;
    let again = SignallingWork::new_cyclic(|me| Again {
        me,
        runs: Atomic::new(0),
    })?;

    again.queue();
    hold.queue();
    work.queue();
    timer.start(Delta::from_millis(1000));
    forget((hold, work, timer, again, queue))
}

/// Says when it begins, and later that it has run.
pub(crate) struct Slow;

impl Cleanup for Slow {
    fn run(&self) {
        pr_info!("the cleanup begins\n");
        fsleep(Delta::from_millis(1000));
        pr_info!("the cleanup has run\n");
    }
}

/// A cleanup work that runs, and that the module's exit queues once more.
fn cleanup() -> Result<CleanupWork<Slow>> {
    let cleanup = CleanupWork::new(Slow)?;

    cleanup.queue();
    Ok(cleanup)
}

/// Hardware that completes no job.
struct Hangs {
    _completer: Completer<Hangs>,
}

impl JobRunner for Hangs {
    type Job = ();

    fn run(&self, _job: &(), seqno: u64, _section: &SignallingSection<'_>) -> Result {
        pr_info!("job {seqno} runs\n");
        Ok(())
    }

    fn stop(&self, _section: &SignallingSection<'_>) {
        pr_info!("the hardware is stopped\n");
    }
}

/// The memory of all that is allocated before it is needed.
fn allocations() -> Result {
    let ring = ring()?;
    let fence = ring.new_fence(ring.new_fence_allocation(1)?);
    let mut array = FenceArrayAllocation::new(2)?;

    hand_out(fence.as_fence())?;
    array.push(fence.leaf()).map_err(|_| EINVAL)?;
    forget((
        ring.new_fence_allocation(1)?,
        array,
        FenceChainAllocation::new()?,
        FenceProxyAllocation::<Ring>::new()?,
        SyncFileAllocation::new()?,
        KBox::pin_init(FenceCallbackRegistration::<QueueIrqWork>::new(), GFP_KERNEL)?,
    ))?;
    forget((ContextNumbers::<Ring>::new(4)?, fence, ring))
}

/// What holds references to fences: of these, one is pending until the module goes.
fn containers() -> Result {
    let (ring, other) = (ring()?, ring()?);
    let first = ring.new_fence(ring.new_fence_allocation(1)?);
    let second = other.new_fence(other.new_fence_allocation(1)?);
    let mut leaves = KVec::with_capacity(2, GFP_KERNEL)?;

    hand_out(first.as_fence())?;
    hand_out(second.as_fence())?;
    leaves.push(first.leaf(), GFP_KERNEL)?;
    leaves.push(second.leaf(), GFP_KERNEL)?;
    let array = FenceArray::create(leaves)?;
    let link = FenceChainAllocation::new()?.append(Some(first.fence()), array.clone(), 1);
    let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
    let mut set = ResvSet::new();

    link.enable_signaling();
    resv.with_lock(|resv| resv.add_leaves(&array, ResvUsage::Write))?;
    set.push(resv.clone())?;
    forget((
        RcuFence::new(Some(first.fence())),
        link.leaves(),
        SyncFile::new(&link)?,
        (array, link, resv, set),
    ))?;
    forget((first, second, ring, other))
}

/// A queue, and a job that it does not have yet. Published, it would keep the thread in a section.
fn job() -> Result {
    let queue = new_queue()?;

    forget((queue.prepare((), Dependencies::new())?, queue))
}

/// A queue whose jobs time out after three seconds.
fn new_queue() -> Result<JobQueue<Hangs>> {
    let options = JobQueueOptions::new().timeout(Delta::from_secs(3))?;

    JobQueue::new(c"unload", c"queue", options, |completer| {
        Ok(Hangs {
            _completer: completer,
        })
    })
}

/// A queue with a job that is running, and would time out, and two that are waiting, of which the
/// last waits for the fence that the parameter names.
fn job_queue() -> Result {
    let queue = new_queue()?;

    for job in 1..=3 {
        let mut dependencies = Dependencies::new();

        if job == 3 {
            dependencies.add(&*foreign()?)?;
        }
        let job = queue.publish(queue.prepare((), dependencies)?);
        let fence: ARef<Fence> = (&**job.as_leaf()).into();

        job.push();
        hand_out(&fence)?;
    }
    forget(queue)
}
