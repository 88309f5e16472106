// SPDX-License-Identifier: GPL-2.0

//! The jobs in a queue.

use super::{
    dependencies::Merged,
    JobQueueOptions,
    JobRunner,
    JobTimeline, //
};
use crate::{
    bindings,
    callback::{
        FenceCallbackRegistration,
        QueueWork, //
    },
    context::FenceContext,
    delegate::{
        Cleanup,
        CleanupWork,
        WeakRef,
        WorkRef, //
    },
    fence::{
        to_delta,
        to_jiffies, //
    },
    lock::{
        lock,
        new_irq_lock,
        IrqGuard,
        IrqsOff, //
    }, //
};
use core::{
    convert::Infallible,
    mem::take, //
};
use kernel::{
    list::{
        impl_list_arc_safe,
        impl_list_item,
        List,
        ListArc,
        ListLinks, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        barrier::{
            smp_mb,
            Read,
            Write, //
        },
        Arc,
        SpinLockIrq,
        UniqueArc, //
    },
    time::{
        Delta,
        Jiffies, //
    }, //
};

/// A place in a queue, for a job that is prepared. Dropping it returns the place.
pub(super) struct Place(Arc<Atomic<i64>>);

impl Place {
    /// Takes one of `max` places, of which `taken` counts. Fails with `ENOSPC` if none is left.
    pub(super) fn take(taken: &Arc<Atomic<i64>>, max: u32) -> Result<Self> {
        let mut count = taken.load(Relaxed);

        while count < max.into() {
            match taken.cmpxchg(count, count + 1, Relaxed) {
                Ok(_) => return Ok(Self(taken.clone())),
                Err(now) => count = now,
            }
        }
        Err(ENOSPC)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.add(-1, Relaxed);
    }
}

/// A job, from its preparation to its drop.
#[pin_data]
pub(super) struct Entry<J> {
    #[pin]
    links: ListLinks,
    /// Set when the fence is published.
    pub(super) seqno: u64,
    /// The job completes with `ECANCELED` instead of running.
    pub(super) cancelled: bool,
    pub(super) dependencies: Merged,
    /// Queues the worker when the dependencies have signalled.
    #[pin]
    pub(super) ready: FenceCallbackRegistration<QueueWork>,
    /// The job does not run any more. Changed with the lock of the state held.
    is_done: Atomic<bool>,
    pub(super) job: J,
    /// Returned after the job is dropped.
    _place: Place,
}

impl_list_arc_safe! {
    impl{J} ListArcSafe<0> for Entry<J> { untracked; }
}

impl_list_item! {
    impl{J} ListItem<0> for Entry<J> { using ListLinks { self.links }; }
}

impl<J> Entry<J> {
    /// Context: process; may sleep.
    pub(super) fn new(job: J, dependencies: Merged, place: Place) -> Result<Pin<UniqueArc<Self>>> {
        UniqueArc::pin_init(
            pin_init!(Self {
                links <- ListLinks::new(),
                seqno: 0,
                cancelled: false,
                dependencies,
                ready <- FenceCallbackRegistration::new(),
                is_done: Atomic::new(false),
                job,
                _place: place,
            }),
            GFP_KERNEL,
        )
    }

    /// Returns the error that the job completes with instead of running, once its dependencies have
    /// signalled. Takes time linear in their number, if their errors are passed on.
    pub(super) fn error(&self) -> Option<Error> {
        if self.cancelled {
            return Some(ECANCELED);
        }
        self.dependencies.error()
    }
}

/// The jobs that are to be dropped.
#[pin_data]
pub(super) struct Finished<J> {
    #[pin]
    jobs: SpinLockIrq<List<Entry<J>>>,
}

impl<J> Finished<J> {
    pub(super) fn new() -> impl PinInit<Self, Infallible> {
        pin_init!(Self {
            jobs <- new_irq_lock!(List::new(), c"dma_buf_rs::JobQueue::finished"),
        })
    }
}

impl<J: Send + Sync + 'static> Cleanup for Finished<J> {
    fn run(&self) {
        let jobs = take(&mut *lock(&self.jobs, &IrqsOff::begin()));

        // With no lock held: it may sleep.
        drop(jobs);
    }
}

/// How running jobs fail.
pub(super) enum Failure {
    /// With this error.
    All(Error),
    /// The job with this sequence number with `ETIME`, and the others with `ECANCELED`.
    Timeout(u64),
}

/// What the worker is to do next.
pub(super) enum Step<R: JobRunner> {
    /// Give a job to the hardware.
    Run(Arc<R>, Arc<Entry<R::Job>>),
    /// Stop the hardware, and fail the running jobs.
    Reset(Arc<R>, Failure),
    /// Look again after a while.
    Sleep(Delta),
    /// Wait until something happens.
    Nothing,
}

/// The most jobs in [`State::running`], with those that are done and come after one that is not:
/// these are walked with interrupts off.
const MAX_RUNNING: u64 = 256;

/// The state of a queue.
///
/// Both lists are in the order of the sequence numbers. Those of `running` are up to
/// [`Shared::begun`], and those of `waiting` are higher.
pub(super) struct State<R: JobRunner> {
    /// `None` before there is one, and when the queue is being dropped.
    runner: Option<Arc<R>>,
    waiting: List<Entry<R::Job>>,
    running: List<Entry<R::Job>>,
    /// The number of jobs in `running` that are not done.
    in_flight: usize,
    /// The sequence number of the job that [`JobRunner::run`] has. It stays in `running` until
    /// [`Shared::next_step`].
    lent: Option<u64>,
    reset: Option<Error>,
    /// When the first job in `running` became that. Only used with a timeout.
    first_since: Jiffies,
    /// The timer that queues the worker is started, and has not expired.
    has_alarm: bool,
}

impl<R: JobRunner> State<R> {
    pub(super) fn new() -> Self {
        Self {
            runner: None,
            waiting: List::new(),
            running: List::new(),
            in_flight: 0,
            lent: None,
            reset: None,
            first_since: 0,
            has_alarm: false,
        }
    }

    /// Takes the jobs off `running` that are done, and come before all that are not.
    fn take_done(&mut self, timeout: Option<Delta>) -> List<Entry<R::Job>> {
        let mut done = List::new();
        let mut cursor = self.running.cursor_front();

        while let Some(entry) = cursor.peek_next() {
            if !entry.is_done.load(Relaxed) || self.lent == Some(entry.seqno) {
                break;
            }
            done.push_back(entry.remove());
        }
        if timeout.is_some() && !done.is_empty() {
            self.first_since = now();
        }
        done
    }

    /// Returns what is to be done next. After running a job, [`Shared::next_step`] is called again.
    fn next_step(&mut self, begun: &Atomic<u64>, options: &JobQueueOptions) -> Step<R> {
        let Some(runner) = &self.runner else {
            return Step::Nothing;
        };

        if let Some(error) = self.reset.take() {
            return Step::Reset(runner.clone(), Failure::All(error));
        }
        if self.has_work(begun, options) {
            if let Some(entry) = self.waiting.pop_front() {
                let runner = runner.clone();
                let job = entry.clone_arc();

                if self.running.is_empty() && options.timeout.is_some() {
                    self.first_since = now();
                }
                self.running.push_back(entry);
                self.in_flight += 1;
                begun.store(job.seqno, Relaxed);
                // An unlock does not order this store before those of `JobRunner::run`.
                smp_mb(Write);
                self.lent = Some(job.seqno);
                return Step::Run(runner, job);
            }
        }
        match options.timeout {
            Some(timeout) if self.in_flight > 0 && !self.has_alarm => {
                let runner = runner.clone();

                self.look_at_clock(runner, timeout)
            }
            _ => Step::Nothing,
        }
    }

    /// Returns what is to be done about the timeout of the first running job.
    fn look_at_clock(&mut self, runner: Arc<R>, timeout: Delta) -> Step<R> {
        // One more, as the job may have begun late in that jiffy.
        let until = self.first_since.wrapping_add(to_jiffies(timeout) + 1);
        let left = until.wrapping_sub(now());

        if left as isize > 0 {
            self.has_alarm = true;
            return Step::Sleep(to_delta(left));
        }
        let mut running = self.running.iter();
        let late = running.find(|job| !job.is_done.load(Relaxed));

        Step::Reset(runner, Failure::Timeout(late.map_or(0, |job| job.seqno)))
    }

    /// Returns `true` if a job can run. If its dependencies signal later than this looks, their
    /// callback, which has enabled signalling, queues the worker.
    fn has_work(&self, begun: &Atomic<u64>, options: &JobQueueOptions) -> bool {
        let first = self.waiting.iter().next();

        let oldest = self.running.iter().next();

        // The next one may not be pushed yet.
        self.in_flight < options.in_flight
            && first.is_some_and(|job| {
                job.seqno == begun.load(Relaxed) + 1
                    && oldest.is_none_or(|oldest| job.seqno - oldest.seqno < MAX_RUNNING)
                    && job.dependencies.have_signaled()
            })
    }
}

/// Returns the time in jiffies. It may wrap around.
fn now() -> Jiffies {
    // SAFETY: The kernel changes it meanwhile, and it may be read at any time.
    unsafe { (&raw const bindings::jiffies).read_volatile() }
}

/// What the queue, its worker and its completers share.
#[pin_data]
pub(super) struct Shared<R: JobRunner> {
    pub(super) context: FenceContext<JobTimeline<R>>,
    pub(super) options: JobQueueOptions,
    /// Counts the jobs.
    pub(super) taken: Arc<Atomic<i64>>,
    pub(super) worker: WeakRef<WorkRef>,
    pub(super) cleanup: CleanupWork<Finished<R::Job>>,
    /// The sequence number of the last job that was to run. Changed with the state locked.
    pub(super) begun: Atomic<u64>,
    #[pin]
    pub(super) state: SpinLockIrq<State<R>>,
}

impl<R: JobRunner> Shared<R> {
    fn lock<'a>(&'a self, irqs: &'a IrqsOff) -> IrqGuard<'a, State<R>> {
        lock(&self.state, irqs)
    }

    pub(super) fn set_runner(&self, runner: Arc<R>) {
        self.lock(&IrqsOff::begin()).runner = Some(runner);
    }

    pub(super) fn take_runner(&self) -> Option<Arc<R>> {
        self.lock(&IrqsOff::begin()).runner.take()
    }

    /// Adds a published job. Returns `true` if the worker may have something to do.
    pub(super) fn push(&self, entry: ListArc<Entry<R::Job>>) -> bool {
        let irqs = IrqsOff::begin();
        let mut state = self.lock(&irqs);
        let mut cursor = state.waiting.cursor_back();

        // Another thread may have published later, and pushed earlier.
        while cursor
            .peek_prev()
            .is_some_and(|earlier| earlier.seqno > entry.seqno)
        {
            cursor.move_prev();
        }
        cursor.insert(entry);
        state.has_work(&self.begun, &self.options)
    }

    pub(super) fn request_reset(&self, error: Error) {
        self.lock(&IrqsOff::begin()).reset = Some(error);
    }

    /// Ends what the last step began, and returns the next.
    pub(super) fn next_step(&self) -> Step<R> {
        let irqs = IrqsOff::begin();
        let mut state = self.lock(&irqs);

        state.lent = None;
        let done = state.take_done(self.options.timeout);
        let step = state.next_step(&self.begun, &self.options);

        drop(state);
        drop(irqs);
        self.retire(done);
        step
    }

    /// Returns the sequence number of the last job that has begun, for a caller that has seen what
    /// such a job has done. Modelled in `begun.litmus`.
    fn last_begun(&self) -> u64 {
        // Pairs with the barrier after the store.
        smp_mb(Read);
        self.begun.load(Relaxed)
    }

    /// See [`Completer::complete`](super::Completer::complete).
    pub(super) fn complete(&self, seqno: u64, result: Result) -> bool {
        // Jobs that are waiting have fences, too.
        if seqno > self.last_begun() {
            return false;
        }
        // Another CPU may be completing the job, too: the context decides which result it has.
        let is_completed = self.context.signal_seqno(seqno, result);

        self.mark_done(seqno, seqno);
        is_completed
    }

    /// See [`Completer::complete_up_to`](super::Completer::complete_up_to).
    pub(super) fn complete_up_to(&self, seqno: u64) -> usize {
        let last = seqno.min(self.last_begun());

        self.context.signal_up_to(last);
        self.mark_done(0, last)
    }

    /// Notes that the running jobs from `first` to `last` are done, after they have completed.
    /// Returns how many of them were not known to be.
    fn mark_done(&self, first: u64, last: u64) -> usize {
        let irqs = IrqsOff::begin();
        let mut state = self.lock(&irqs);
        let mut count = 0;

        // In the order of their numbers, and at most `MAX_RUNNING`.
        for entry in &state.running {
            if entry.seqno > last {
                break;
            }
            if first <= entry.seqno && !entry.is_done.load(Relaxed) {
                entry.is_done.store(true, Relaxed);
                count += 1;
            }
        }
        if count == 0 {
            return 0;
        }
        state.in_flight -= count;
        let done = state.take_done(self.options.timeout);
        let has_work = state.has_work(&self.begun, &self.options);

        drop(state);
        drop(irqs);
        if has_work {
            self.queue_worker();
        }
        self.retire(done);
        count
    }

    /// Completes all running jobs, after the hardware has been stopped.
    pub(super) fn fail_running(&self, failure: Failure) {
        let irqs = IrqsOff::begin();
        let mut state = self.lock(&irqs);
        let running = take(&mut state.running);

        state.in_flight = 0;
        drop(state);
        drop(irqs);
        for entry in &running {
            let error = match failure {
                Failure::All(error) => error,
                Failure::Timeout(late) if late == entry.seqno => ETIME,
                Failure::Timeout(_) => ECANCELED,
            };

            self.context.signal_seqno(entry.seqno, Err(error));
        }
        self.retire(running);
    }

    /// Completes all jobs, after the hardware has been stopped for good.
    pub(super) fn cancel(&self) {
        let irqs = IrqsOff::begin();
        let mut state = self.lock(&irqs);
        let mut jobs = take(&mut state.running);

        jobs.push_all_back(&mut state.waiting);
        state.in_flight = 0;
        drop(state);
        drop(irqs);
        self.context.cancel_all(ECANCELED);
        self.retire(jobs);
    }

    /// The worker's timer has expired.
    pub(super) fn end_alarm(&self) {
        self.lock(&IrqsOff::begin()).has_alarm = false;
        self.queue_worker();
    }

    pub(super) fn queue_worker(&self) {
        if let Some(worker) = self.worker.upgrade() {
            worker.queue();
        }
    }

    /// Has jobs dropped where that may sleep.
    #[inline]
    fn retire(&self, jobs: List<Entry<R::Job>>) {
        if !jobs.is_empty() {
            self.retire_some(jobs);
        }
    }

    #[inline(never)]
    fn retire_some(&self, mut jobs: List<Entry<R::Job>>) {
        lock(&self.cleanup.jobs, &IrqsOff::begin()).push_all_back(&mut jobs);
        self.cleanup.queue();
    }
}
