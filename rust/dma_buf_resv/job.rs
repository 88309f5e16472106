// SPDX-License-Identifier: GPL-2.0

//! Jobs that take time, and the ways of waiting for one.

use crate::{
    fixture::{
        holds_lock,
        is_silent,
        long,
        next,
        Mock, //
    },
    race::ensure, //
};
use dma_buf::{
    delegate::{
        Delegate,
        IrqWork,
        Timer, //
    },
    resv::{
        Resv,
        ResvGuard,
        ResvUsage, //
    },
    ContextOptions,
    DriverFence,
    Fence,
    FenceContext,
    LockClass,
    SignallingSection,
    Wait, //
};
use kernel::{
    new_spinlock_irq,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        Arc,
        SpinLockIrq, //
    },
    time::Delta, //
};

/// The lock class of the fences.
pub(crate) const CLASS: &CStr = c"resv fence";

/// The class of reservation objects' locks.
pub(crate) const RESV: &CStr = c"reservation_ww_class_mutex";

/// The interrupt of a device when a job is done.
#[pin_data]
struct Finish {
    #[pin]
    fence: SpinLockIrq<Option<DriverFence<Mock>>>,
}

impl Delegate for Finish {
    fn run(&self, _section: &SignallingSection<'_>) {
        let fence = self.fence.lock().take();

        fence.map(|fence| fence.signal(Ok(())));
    }
}

/// The device, which takes time.
struct Device(IrqWork<Finish>);

impl Delegate for Device {
    fn run(&self, _section: &SignallingSection<'_>) {
        self.0.queue();
    }
}

/// A job that is done some time after it is started. Until then, its fence is pending in a
/// reservation object.
pub(crate) struct Job {
    fence: ARef<Fence>,
    /// The options of all waits for it.
    wait: Wait,
    resv: Arc<Resv>,
    device: Timer<Device>,
    _context: FenceContext<Mock>,
}

impl Job {
    pub(crate) fn new() -> Result<Self> {
        Self::with_options(
            ContextOptions::new().lock_class(LockClass::new(CLASS)?),
            Wait::new(),
        )
    }

    /// Creates a job with other options, for example those of a domain.
    pub(crate) fn with_options(options: ContextOptions, wait: Wait) -> Result<Self> {
        let context = FenceContext::with_options(c"mock", c"resv", options, Mock)?;
        let driver = next(&context)?;
        let fence = driver.fence();
        let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;

        ResvGuard::lock(resv.clone())
            .reserve_one()?
            .add(&driver.leaf(), ResvUsage::Bookkeep);
        Ok(Self {
            fence,
            wait,
            resv,
            device: Timer::new(Device(IrqWork::new(pin_init!(Finish {
                fence <- new_spinlock_irq!(Some(driver)),
            }))?))?,
            _context: context,
        })
    }

    /// Returns the reservation object that its fence is in.
    pub(crate) fn resv(&self) -> &Arc<Resv> {
        &self.resv
    }

    /// Starts the job, and waits for it by `wait`.
    pub(crate) fn run<E>(&self, wait: impl FnOnce(&Fence) -> Result<(), E>) -> Result {
        ensure!(!self.fence.is_signaled());
        self.device.start(Delta::from_millis(5));
        ensure!(wait(&self.fence).is_ok());
        ensure!(self.fence.is_signaled());
        // Waiting here is allowed.
        ensure!(is_silent());
        Ok(())
    }
}

/// The ways of waiting for a job that need no memory.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// For its fence.
    Fence,
    /// For its fence, interruptibly.
    FenceInterruptibly,
    /// For its reservation object.
    Resv,
    /// For its reservation object, interruptibly.
    ResvInterruptibly,
    /// For its fence, with its reservation object locked by a trylock, as a shrinker does that
    /// looks for buffers to evict.
    TryLocked,
    /// For its reservation object, locked by a trylock.
    ResvTryLocked,
}

impl Way {
    pub(crate) const ALL: [Way; 6] = [
        Way::Fence,
        Way::FenceInterruptibly,
        Way::Resv,
        Way::ResvInterruptibly,
        Way::TryLocked,
        Way::ResvTryLocked,
    ];

    /// Runs a job, and waits for it in this way.
    pub(crate) fn wait_for(self, job: &Job) -> Result {
        let plain = job.wait;
        let wait = plain.interruptible().timeout(long());
        let resv = |wait: Wait| wait.wait_resv(&job.resv, ResvUsage::Bookkeep).map(|_| ());

        match self {
            Way::Fence => job.run(|fence| plain.on(fence).map(|_| ())),
            Way::FenceInterruptibly => job.run(|fence| wait.on(fence).map(|_| ())),
            Way::Resv => job.run(|_| resv(plain)),
            Way::ResvInterruptibly => job.run(|_| resv(wait)),
            Way::TryLocked | Way::ResvTryLocked => {
                let guard = ResvGuard::try_lock(job.resv.clone()).map_err(|_| EBUSY)?;

                ensure!(holds_lock(RESV));
                let done = job.run(|fence| match self {
                    Way::TryLocked => plain.on(fence).map(|_| ()),
                    _ => resv(plain),
                });
                drop(guard);
                done
            }
        }
    }
}

/// A job for each way of waiting. They are created ahead, as a wait may be where nothing can be
/// allocated.
pub(crate) struct Waits {
    jobs: KVec<(Way, Job)>,
    begun: Atomic<bool>,
    good: Atomic<i32>,
}

impl Waits {
    pub(crate) fn new() -> Result<Self> {
        Self::of(Job::new)
    }

    /// Waits for jobs that `new` makes.
    pub(crate) fn of(new: impl Fn() -> Result<Job>) -> Result<Self> {
        let mut jobs = KVec::new();

        for way in Way::ALL {
            jobs.push((way, new()?), GFP_KERNEL)?;
        }
        Ok(Self {
            jobs,
            begun: Atomic::new(false),
            good: Atomic::new(0),
        })
    }

    /// Waits in each way, if these locks are held. Only the first call waits.
    pub(crate) fn run(&self, held: &[&CStr]) {
        if self.begun.xchg(true, Full) {
            return;
        }
        for name in held {
            if !holds_lock(name) {
                pr_err!("{} is not held\n", *name);
                return;
            }
        }
        for (way, job) in &self.jobs {
            if way.wait_for(job).is_ok() {
                self.good.fetch_add(1, Full);
            }
        }
    }

    /// Returns `true` if a task has begun to wait.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Acquire)
    }

    /// Returns `true` if all waits have succeeded.
    pub(crate) fn is_good(&self) -> bool {
        self.good.load(Acquire) as usize == self.jobs.len()
    }
}
