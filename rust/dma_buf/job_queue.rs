// SPDX-License-Identifier: GPL-2.0

//! The jobs of a ring: each waits for its dependencies, runs, completes and is cleaned up.
//!
//! ```text
//!  prepare()?  ->  publish()  ->  attach the fence  ->  push()  ->  JobRunner::run()
//!  may fail        cannot fail from here on              dependencies   |  the hardware
//!                                                        signalled,     v
//!                                                        room       Completer::complete()
//!                                                                       |
//!                                                                       v
//!                                                      the job is dropped, may sleep
//! ```
//!
//! - A job that is *waiting* has been pushed. It runs when all jobs before it have run, its
//!   dependencies have signalled, and the hardware has room.
//! - A job that is *running* has been given to the hardware, by [`JobRunner::run`].
//! - A job is *done* when the driver completes it, usually from its interrupt handler, or when the
//!   queue is [reset](JobQueue::reset), times out or is dropped.
//!
//! The fences of a queue signal in the order in which the jobs were published. Several threads may
//! submit at a time and need no lock of their own: jobs run in the order of their fences, not in
//! that in which they were pushed.
//!
//! # Sections
//!
//! From [`publish`](JobQueue::publish) to [`push`](PublishedJob::push) the submission is in a
//! signalling section, as others may wait for the fence and the hardware does not have the job yet.
//! Lockdep reports an allocation with `GFP_KERNEL` there, and locking a reservation object;
//! unlocking one is allowed.
//!
//! [`JobRunner::run`] and [`JobRunner::stop`] are called in a section, too. Jobs are dropped
//! outside of sections, in process context, since the last reference to a buffer may lock it.
//!
//! # Beside the DRM scheduler
//!
//! A queue is what remains of `drm_sched` if each client has a ring of its own, whose order the
//! hardware or its firmware decides: no priorities, no entities, no run queues. A job has one
//! fence, where `drm_sched` has two. A [`JobQueue`] corresponds to the job queue that is being
//! discussed for DRM's Rust drivers, and its jobs have the same states.
//!
//! As with `drm_sched`, the hardware does the jobs of a queue in order: a job may use what an
//! earlier one of the same queue has written, and does not wait for its fence.
//!
//! # Examples
//!
//! A ring whose hardware does every job at once:
//!
//! ```
//! use dma_buf::{
//!     job_queue::{Completer, Dependencies, JobQueue, JobQueueOptions, JobRunner},
//!     resv::{Resv, ResvSet, ResvUsage},
//!     SignallingSection,
//! };
//! use kernel::{prelude::*, sync::Arc};
//!
//! struct Ring {
//!     completer: Completer<Ring>,
//! }
//!
//! impl JobRunner for Ring {
//!     /// The buffers of a job, which it keeps.
//!     type Job = Option<ResvSet<Arc<Resv>>>;
//!
//!     fn run(&self, _job: &Self::Job, seqno: u64, _section: &SignallingSection<'_>) -> Result {
//!         // In a real driver, the interrupt handler does this.
//!         self.completer.complete(seqno, Ok(()));
//!         Ok(())
//!     }
//!
//!     fn stop(&self, _section: &SignallingSection<'_>) {}
//! }
//!
//! fn submit(queue: &JobQueue<Ring>, buffer: Arc<Resv>) -> Result {
//!     let mut set = ResvSet::new();
//!     let mut dependencies = Dependencies::new();
//!
//!     set.push(buffer)?;
//!     let locked = set.lock_interruptible()?;
//!     for (_, buffer) in locked.iter() {
//!         dependencies.add_resv(buffer, ResvUsage::for_access(true))?;
//!     }
//!     let prepared = queue.prepare(None, dependencies)?;
//!     let mut slots = locked.reserve()?;
//!
//!     // Nothing fails from here on.
//!     let job = queue.publish(prepared);
//!     for (_, slot) in slots.drain() {
//!         slot.add(job.as_leaf(), ResvUsage::Write);
//!     }
//!     let set = slots.unlock();
//!     job.push_with(|job| *job = Some(set));
//!     Ok(())
//! }
//!
//! let options = JobQueueOptions::new();
//! let queue = JobQueue::new(c"mygpu", c"ring 0", options, |completer| Ok(Ring { completer }))?;
//! let buffer = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
//! submit(&queue, buffer.clone())?;
//! submit(&queue, buffer.clone())?;
//! buffer.wait(ResvUsage::Write)?;
//! # Ok::<(), Error>(())
//! ```

mod dependencies;
mod state;

pub use dependencies::Dependencies;

use crate::{
    callback::QueueWork,
    context::{
        FenceContext,
        FenceContextOps, //
    },
    delegate::{
        CleanupWork,
        Delegate,
        SignallingWork,
        Timer,
        WeakRef,
        WorkRef, //
    },
    driver_fence::DriverFenceAllocation,
    fence::Leaf,
    lock::new_irq_lock,
    section::{
        signalling,
        Annotation,
        SignallingSection, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    list::ListArc,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Atomic,
        Arc,
        UniqueArc, //
    },
    time::Delta, //
};
use state::{
    Entry,
    FinishedJobs,
    QueueSlot,
    Shared,
    State,
    Step, //
};

/// The hardware that runs the jobs of a [`JobQueue`], such as a ring.
///
/// # Examples
///
/// The [module](self) has a simple one. Here the thread of an interrupt handler completes the jobs:
///
/// ```
/// use dma_buf::{
///     delegate::ThreadedDelegate,
///     job_queue::{Completer, JobRunner},
///     SignallingSection,
/// };
/// use kernel::{irq::IrqReturn, prelude::*, sync::{Arc, Mutex}};
///
/// #[pin_data]
/// struct Hardware {
///     /// Held while jobs are completed.
///     #[pin]
///     completing: Mutex<()>,
/// }
///
/// impl Hardware {
///     /// Completes the jobs that are done, by the hardware's register. Returns their number.
///     fn complete(&self, completer: &Completer<Ring>) -> usize {
///         let _completing = self.completing.lock();
///         let last_done: u32 = // ...
/// #           0;
///
///         match completer.extend_seqno(last_done) {
///             Some(seqno) => completer.complete_up_to(seqno),
///             None => 0,
///         }
///     }
/// }
///
/// struct Ring {
///     hardware: Arc<Hardware>,
///     completer: Completer<Ring>,
/// }
///
/// impl JobRunner for Ring {
///     type Job = ();
///
///     fn run(&self, _job: &(), seqno: u64, _section: &SignallingSection<'_>) -> Result {
///         // The hardware gets `seqno as u32`.
/// #       let _ = seqno;
///         Ok(())
///     }
///
///     fn stop(&self, _section: &SignallingSection<'_>) {
///         // First halt the hardware. Then no job is left that is done and has not completed:
///         self.hardware.complete(&self.completer);
///     }
/// }
///
/// /// For a [`ThreadedInterrupt`](dma_buf::delegate::ThreadedInterrupt).
/// struct Interrupt {
///     hardware: Arc<Hardware>,
///     completer: Completer<Ring>,
/// }
///
/// impl ThreadedDelegate for Interrupt {
///     fn handle_threaded(&self, _section: &SignallingSection<'_>) -> IrqReturn {
///         match self.hardware.complete(&self.completer) {
///             0 => IrqReturn::None,
///             _ => IrqReturn::Handled,
///         }
///     }
/// }
/// ```
pub trait JobRunner: Send + Sync + Sized + 'static {
    /// The driver's part of a job, such as its commands and its buffers.
    ///
    /// It is dropped when the job is done: in process context, outside of signalling sections, with
    /// no lock held. It must not own its queue.
    type Job: Send + Sync + 'static;

    /// Gives a job to the hardware, which must not begin it before the earlier jobs are done: they
    /// may be among its [`Dependencies`]. The driver calls [`Completer::complete`] when the job is
    /// done, perhaps before this returns. If this fails, the job completes with the error.
    ///
    /// Context: process; may sleep; a signalling section. Two calls, of this or of [`Self::stop`],
    /// never run at the same time.
    fn run(&self, job: &Self::Job, seqno: u64, section: &SignallingSection<'_>) -> Result;

    /// Stops the hardware. When this returns, no job that has run accesses memory any more, no call
    /// to the [`Completer`] is running, and no later call completes one of these jobs. The hardware
    /// takes jobs again, unless the queue is being dropped.
    ///
    /// The hardware may have done a job whose interrupt is not handled yet. So this may call the
    /// [`Completer`] itself, and the job completes with its own result. An interrupt handler that
    /// runs later, and reads the same number from the hardware, then finds nothing to complete.
    ///
    /// A runner is `'static`, so it cannot own a
    /// [`ThreadedRegistration`](kernel::irq::ThreadedRegistration), whose `synchronize()` waits for
    /// the handler. Instead, the handler holds a mutex of the driver while it completes jobs, and
    /// this takes the mutex, as in the [example](JobRunner#examples).
    ///
    /// Context: process; may sleep; a signalling section. It may be called by the body of a
    /// [`SignallingWork`], and so must not cancel or flush another one. Lockdep reports that only
    /// if the body of the other one is running.
    fn stop(&self, section: &SignallingSection<'_>);
}

/// Options of a [`JobQueue`].
///
/// # Examples
///
/// ```
/// use dma_buf::job_queue::JobQueueOptions;
/// use kernel::{prelude::*, time::Delta};
///
/// let options = JobQueueOptions::new()
///     .in_flight(16)
///     .timeout(Delta::from_secs(10))?;
/// # let _ = options;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct JobQueueOptions {
    in_flight: usize,
    max_jobs: u32,
    timeout: Option<Delta>,
}

impl Default for JobQueueOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl JobQueueOptions {
    /// Creates options of which none is set.
    pub const fn new() -> Self {
        Self {
            in_flight: 1,
            max_jobs: 4096,
            timeout: None,
        }
    }

    /// Sets the number of jobs that the hardware takes at a time, which is 1 without this option,
    /// and at least 1. A job does not begin before the job 256 places ahead of it is done, as
    /// completing a job walks over all that have begun, with interrupts off.
    pub const fn in_flight(mut self, jobs: usize) -> Self {
        self.in_flight = if jobs == 0 { 1 } else { jobs };
        self
    }

    /// Sets the number of jobs that may be in the queue, which is 4096 without this option. A job
    /// counts from [`JobQueue::prepare`] until it is dropped.
    pub const fn max_jobs(mut self, jobs: u32) -> Self {
        self.max_jobs = jobs;
        self
    }

    /// Resets the hardware if the first running job is not done this long, in whole jiffies, after
    /// it became the first: [`JobRunner::stop`] is called, the job completes with `ETIME`, and the
    /// others that are running with `ECANCELED`. Jobs that are waiting run after that.
    ///
    /// Fails with `EINVAL` if `timeout` is not positive.
    pub fn timeout(mut self, timeout: Delta) -> Result<Self> {
        if timeout.is_zero() || timeout.is_negative() {
            return Err(EINVAL);
        }
        self.timeout = Some(timeout);
        Ok(self)
    }
}

/// The context of a queue's fences. Generic, so that it belongs to the driver's module.
struct JobTimeline<R>(PhantomData<fn() -> R>);

#[vtable]
impl<R: JobRunner> FenceContextOps for JobTimeline<R> {
    type FenceData = ();
}

/// Completes the jobs of a [`JobQueue`]: the driver's interrupt handler has one.
///
/// Context of the drop: any.
///
/// # Examples
///
/// Hardware that writes the number of the last job that is done to memory:
///
/// ```
/// use dma_buf::job_queue::{Completer, JobRunner};
///
/// fn interrupt<R: JobRunner>(completer: &Completer<R>, register: u32) {
///     if let Some(seqno) = completer.extend_seqno(register) {
///         completer.complete_up_to(seqno);
///     }
/// }
/// # struct Ring;
/// # impl JobRunner for Ring {
/// #     type Job = ();
/// #     fn run(
/// #         &self, _job: &(), _seqno: u64, _: &dma_buf::SignallingSection<'_>,
/// #     ) -> kernel::error::Result {
/// #         Ok(())
/// #     }
/// #     fn stop(&self, _: &dma_buf::SignallingSection<'_>) {}
/// # }
/// # let _ = interrupt::<Ring>;
/// ```
pub struct Completer<R: JobRunner>(Arc<Shared<R>>);

impl<R: JobRunner> Clone for Completer<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: JobRunner> Completer<R> {
    /// Completes a running job. Its fence signals when those of all earlier jobs have. Returns
    /// `false` if the job is not running, or another call has completed it.
    ///
    /// Takes time linear in the number of jobs that are running.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn complete(&self, seqno: u64, result: Result) -> bool {
        self.0.complete(seqno, result)
    }

    /// Completes all running jobs up to and including `seqno`, with success. Returns their number.
    ///
    /// Takes time linear in the number of jobs that are running.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn complete_up_to(&self, seqno: u64) -> usize {
        self.0.complete_up_to(seqno)
    }

    /// Returns the highest sequence number of a published job whose lower 32 bits are `seqno`: see
    /// [`FenceContext::extend_seqno`].
    ///
    /// Context: any.
    pub fn extend_seqno(&self, seqno: u32) -> Option<u64> {
        self.0.context.extend_seqno(seqno)
    }
}

/// A job, with all memory that the queue needs for it.
///
/// Dropping it drops the job.
#[must_use = "a job that is not published is dropped"]
pub struct PreparedJob<R: JobRunner> {
    memory: DriverFenceAllocation<JobTimeline<R>>,
    entry: Pin<UniqueArc<Entry<R::Job>>>,
}

/// A job whose fence is published, but which is not in the queue yet.
///
/// The thread is in a signalling section as long as this exists. It should be pushed soon, as later
/// jobs of the queue wait for it. If it is dropped instead, the job does not run and completes with
/// `ECANCELED`. If it is leaked, the queue stalls until it is dropped.
#[must_use = "a job that is not pushed is cancelled"]
pub struct PublishedJob<'a, R: JobRunner> {
    queue: &'a JobQueue<R>,
    /// Taken by the drop.
    entry: Option<Pin<UniqueArc<Entry<R::Job>>>>,
    leaf: ARef<Leaf>,
    /// Goes last.
    _section: Annotation,
}

impl<R: JobRunner> PublishedJob<'_, R> {
    /// Borrows the fence of the job, to be added to reservation objects and the like.
    ///
    /// Context: any.
    pub fn as_leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Returns the sequence number of the job.
    ///
    /// Context: any.
    pub fn seqno(&self) -> u64 {
        self.leaf.seqno()
    }

    /// Gives the job to the queue, and ends the section. `job` is called first: it may move objects
    /// into the job that the submission does not need any more, such as the buffers.
    ///
    /// Context: process; no fence lock held.
    pub fn push_with(mut self, job: impl FnOnce(&mut R::Job)) {
        if let Some(mut entry) = self.entry.take() {
            job(entry.as_mut().project().job);
            self.queue.push(entry);
        }
    }

    /// Gives the job to the queue, and ends the section.
    ///
    /// Context: process; no fence lock held.
    pub fn push(self) {
        self.push_with(|_| ());
    }
}

impl<R: JobRunner> Drop for PublishedJob<'_, R> {
    /// Context: process; no fence lock held.
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            *entry.as_mut().project().cancelled = true;
            self.queue.push(entry);
        }
    }
}

/// The number of steps in one run of the worker, which queues itself again for the rest.
const BATCH: usize = 256;

/// Runs the jobs of a queue.
struct Worker<R: JobRunner> {
    shared: Arc<Shared<R>>,
    /// Queues the worker when the first running job may have timed out.
    timer: Timer<JobTimeout<R>>,
}

struct JobTimeout<R: JobRunner>(Arc<Shared<R>>);

impl<R: JobRunner> Delegate for JobTimeout<R> {
    fn run(&self, _section: &SignallingSection<'_>) {
        self.0.timer_expired();
    }
}

impl<R: JobRunner> Delegate for Worker<R> {
    fn run(&self, section: &SignallingSection<'_>) {
        for _ in 0..BATCH {
            match self.shared.next_step() {
                Step::Run(runner, job) => {
                    let seqno = job.seqno;
                    let result = match job.error() {
                        Some(error) => Err(error),
                        None => runner.run(&job.job, seqno, section),
                    };

                    // This does not drop the job: it is in a list until the next step.
                    drop(job);
                    if result.is_err() {
                        self.shared.complete(seqno, result);
                    }
                }
                Step::Reset(runner, failure) => {
                    runner.stop(section);
                    self.shared.fail_running(failure);
                }
                Step::StartTimer(delay) => {
                    self.timer.start(delay);
                    return;
                }
                Step::Idle => return,
            }
        }
        self.shared.queue_worker();
    }
}

/// A ring, and the jobs that wait for it or run on it.
///
/// Dropping it stops the hardware, by [`JobRunner::stop`], and completes the jobs that are left
/// with `ECANCELED`, in order. When that returns, all jobs and the runner have been dropped, unless
/// [`JobRunner::run`] or the interrupt handler has kept the latter.
///
/// Context of the drop: process; may sleep. Not in a signalling section, not in the drop of a job,
/// and not with a reservation object locked.
///
/// If it is leaked and its module is unloaded, the jobs that are left complete with `ECANCELED`,
/// and neither run nor are dropped. Stopping the hardware is up to the driver then.
///
/// # Examples
///
/// See the [module](self).
pub struct JobQueue<R: JobRunner> {
    worker: SignallingWork<Worker<R>>,
}

impl<R: JobRunner> JobQueue<R> {
    /// Creates a queue. Both names are those of its fences: see [`FenceContext::new`].
    ///
    /// `runner` makes the [`JobRunner`], and gets a [`Completer`] for its interrupt handler.
    ///
    /// Fails with `ENOMEM`, or as `runner` does.
    ///
    /// Context: process; may sleep.
    pub fn new(
        driver_name: &CStr,
        timeline_name: &CStr,
        options: JobQueueOptions,
        runner: impl FnOnce(Completer<R>) -> Result<R>,
    ) -> Result<Self> {
        let context = FenceContext::new(driver_name, timeline_name, JobTimeline(PhantomData))?;
        let cleanup = CleanupWork::new(FinishedJobs::new())?;
        let job_count = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let worker = SignallingWork::new_cyclic(|worker: WeakRef<WorkRef>| {
            try_init!(Worker {
                shared: Arc::pin_init(
                    pin_init!(Shared {
                        context,
                        options,
                        job_count,
                        worker,
                        cleanup,
                        last_begun: Atomic::new(0),
                        state <- new_irq_lock!(State::new(), c"dma_buf_rs::JobQueue"),
                    }),
                    GFP_KERNEL,
                )?,
                timer: Timer::new(JobTimeout(shared.clone()))?,
            }? Error)
        })?;
        // If `runner` fails, the drop of the queue cleans up.
        let this = Self { worker };
        let runner = runner(this.completer())?;

        this.shared().set_runner(Arc::new(runner, GFP_KERNEL)?);
        Ok(this)
    }

    fn shared(&self) -> &Arc<Shared<R>> {
        &self.worker.shared
    }

    /// Returns a [`Completer`], for a handler that is registered after the queue is made.
    ///
    /// Context: any.
    pub fn completer(&self) -> Completer<R> {
        Completer(self.shared().clone())
    }

    /// Allocates all that a job needs.
    ///
    /// Fails with `ENOSPC` if there are [`max_jobs`](JobQueueOptions::max_jobs) in the queue, and
    /// with `ENOMEM`. The job is dropped then.
    ///
    /// Context: process; may sleep.
    pub fn prepare(&self, job: R::Job, dependencies: Dependencies) -> Result<PreparedJob<R>> {
        let shared = self.shared();
        let slot = QueueSlot::reserve(&shared.job_count, shared.options.max_jobs)?;
        let dependencies = dependencies.into_merged(shared.context.context())?;

        Ok(PreparedJob {
            memory: shared.context.new_fence_allocation(())?,
            entry: Entry::new(job, dependencies, slot)?,
        })
    }

    /// Publishes the fence of a job, and opens a signalling section. Nothing may fail from here on.
    ///
    /// Context: process. Reservation objects may be locked.
    pub fn publish(&self, prepared: PreparedJob<R>) -> PublishedJob<'_, R> {
        let PreparedJob { memory, mut entry } = prepared;
        let section = Annotation::begin();
        let fence = self.shared().context.new_fence(memory);
        let leaf = fence.leaf();

        // The context completes it.
        fence.detach();
        *entry.as_mut().project().seqno = leaf.seqno();
        PublishedJob {
            queue: self,
            entry: Some(entry),
            leaf,
            _section: section,
        }
    }

    fn push(&self, mut entry: Pin<UniqueArc<Entry<R::Job>>>) {
        let this = entry.as_mut().project();

        if let Some(fence) = &this.dependencies.fence {
            // If it has signalled, the worker finds out below.
            let _ = this
                .ready
                .register_unwrapped(fence, QueueWork(self.worker.to_ref()));
        }
        if self.shared().push(ListArc::from(entry)) {
            self.worker.queue();
        }
    }

    /// Stops the hardware, and completes the running jobs with `error`. The worker runs before
    /// that, so jobs that have just been pushed, and can run, are usually among them. Jobs that are
    /// waiting run after that.
    ///
    /// Context: process; may sleep. Not in a signalling section, and not in [`JobRunner::run`] or
    /// [`JobRunner::stop`].
    pub fn reset(&self, error: Error) {
        self.worker.flush();
        self.shared().request_reset(error);
        self.worker.queue();
        self.worker.flush();
    }
}

impl<R: JobRunner> Drop for JobQueue<R> {
    fn drop(&mut self) {
        let runner = self.shared().take_runner();

        // Without a runner, the worker does nothing if it is queued again.
        self.worker.cancel();
        if let Some(runner) = &runner {
            signalling(|section| runner.stop(section));
        }
        self.shared().cancel();
        // Jobs left in its item would be dropped in softirq context. The runner is dropped after
        // the jobs.
        self.shared().cleanup.flush();
    }
}
