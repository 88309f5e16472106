// SPDX-License-Identifier: GPL-2.0

//! The jobs in a queue.

use super::{
    dependencies::MergedDependencies,
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

/// A job's share of [`Shared::job_count`], from its preparation to its drop.
pub(super) struct QueueSlot(Arc<Atomic<i64>>);

impl QueueSlot {
    /// Counts one more job. Fails with `ENOSPC` if there are `max` jobs.
    pub(super) fn reserve(job_count: &Arc<Atomic<i64>>, max: u32) -> Result<Self> {
        let mut count = job_count.load(Relaxed);

        while count < max.into() {
            match job_count.cmpxchg(count, count + 1, Relaxed) {
                Ok(_) => return Ok(Self(job_count.clone())),
                Err(now) => count = now,
            }
        }
        Err(ENOSPC)
    }
}

impl Drop for QueueSlot {
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
    pub(super) dependencies: MergedDependencies,
    /// Queues the worker when the dependencies have signalled.
    #[pin]
    pub(super) ready: FenceCallbackRegistration<QueueWork>,
    /// The job does not run any more. Changed with the lock of the state held.
    is_done: Atomic<bool>,
    pub(super) job: J,
    /// Dropped after the job.
    _slot: QueueSlot,
}

impl_list_arc_safe! {
    impl{J} ListArcSafe<0> for Entry<J> { untracked; }
}

impl_list_item! {
    impl{J} ListItem<0> for Entry<J> { using ListLinks { self.links }; }
}

impl<J> Entry<J> {
    /// Context: process; may sleep.
    pub(super) fn new(
        job: J,
        dependencies: MergedDependencies,
        queue_slot: QueueSlot,
    ) -> Result<Pin<UniqueArc<Self>>> {
        UniqueArc::pin_init(
            pin_init!(Self {
                links <- ListLinks::new(),
                seqno: 0,
                cancelled: false,
                dependencies,
                ready <- FenceCallbackRegistration::new(),
                is_done: Atomic::new(false),
                job,
                _slot: queue_slot,
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
pub(super) struct FinishedJobs<J> {
    #[pin]
    jobs: SpinLockIrq<List<Entry<J>>>,
}

impl<J> FinishedJobs<J> {
    pub(super) fn new() -> impl PinInit<Self, Infallible> {
        pin_init!(Self {
            jobs <- new_irq_lock!(List::new(), c"dma_buf_rs::JobQueue::finished"),
        })
    }
}

impl<J: Send + Sync + 'static> Cleanup for FinishedJobs<J> {
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

/// The next step of the worker.
pub(super) enum Step<R: JobRunner> {
    /// Give a job to the hardware.
    Run(Arc<R>, Arc<Entry<R::Job>>),
    /// Stop the hardware, and fail the running jobs.
    Reset(Arc<R>, Failure),
    /// Start the timer, which queues the worker.
    StartTimer(Delta),
    /// Nothing is to be done.
    Idle,
}

/// The highest number of jobs in [`State::running`], which is walked with interrupts off. It
/// includes jobs that are done, if an earlier one is not.
const MAX_RUNNING: u64 = 256;

/// The state of a queue.
///
/// Both lists are in the order of the sequence numbers. Those of `running` are up to
/// [`Shared::last_begun`], and those of `waiting` are higher.
pub(super) struct State<R: JobRunner> {
    /// `None` before there is one, and when the queue is being dropped.
    runner: Option<Arc<R>>,
    waiting: List<Entry<R::Job>>,
    running: List<Entry<R::Job>>,
    /// The number of jobs in `running` that are not done.
    in_flight: usize,
    /// The sequence number of the job that is in [`JobRunner::run`]. It stays in `running` until
    /// [`Shared::next_step`].
    in_run: Option<u64>,
    reset: Option<Error>,
    /// When the first job in `running` became the first. Only used with a timeout.
    timeout_start: Jiffies,
    /// The timer that queues the worker is started, and has not expired.
    timer_started: bool,
}

impl<R: JobRunner> State<R> {
    pub(super) fn new() -> Self {
        Self {
            runner: None,
            waiting: List::new(),
            running: List::new(),
            in_flight: 0,
            in_run: None,
            reset: None,
            timeout_start: 0,
            timer_started: false,
        }
    }

    /// Takes the jobs at the front of `running` that are done.
    fn take_done(&mut self, timeout: Option<Delta>) -> List<Entry<R::Job>> {
        let mut done = List::new();
        let mut cursor = self.running.cursor_front();

        while let Some(entry) = cursor.peek_next() {
            if !entry.is_done.load(Relaxed) || self.in_run == Some(entry.seqno) {
                break;
            }
            done.push_back(entry.remove());
        }
        if timeout.is_some() && !done.is_empty() {
            self.timeout_start = now();
        }
        done
    }

    /// Returns the next step. The worker calls [`Shared::next_step`] again after running a job.
    fn next_step(&mut self, last_begun: &Atomic<u64>, options: &JobQueueOptions) -> Step<R> {
        let Some(runner) = &self.runner else {
            return Step::Idle;
        };

        if let Some(error) = self.reset.take() {
            return Step::Reset(runner.clone(), Failure::All(error));
        }
        if self.has_work(last_begun, options) {
            if let Some(entry) = self.waiting.pop_front() {
                let runner = runner.clone();
                let job = entry.clone_arc();

                if self.running.is_empty() && options.timeout.is_some() {
                    self.timeout_start = now();
                }
                self.running.push_back(entry);
                self.in_flight += 1;
                last_begun.store(job.seqno, Relaxed);
                // An unlock does not order this store before those of `JobRunner::run`.
                smp_mb(Write);
                self.in_run = Some(job.seqno);
                return Step::Run(runner, job);
            }
        }
        match options.timeout {
            Some(timeout) if self.in_flight > 0 && !self.timer_started => {
                let runner = runner.clone();

                self.check_timeout(runner, timeout)
            }
            _ => Step::Idle,
        }
    }

    /// Returns the next step for the timeout of the first running job.
    fn check_timeout(&mut self, runner: Arc<R>, timeout: Delta) -> Step<R> {
        // One more, as the job may have begun late in that jiffy.
        let until = self.timeout_start.wrapping_add(to_jiffies(timeout) + 1);
        let left = until.wrapping_sub(now());

        if left as isize > 0 {
            self.timer_started = true;
            return Step::StartTimer(to_delta(left));
        }
        let mut running = self.running.iter();
        let timed_out = running.find(|job| !job.is_done.load(Relaxed));

        Step::Reset(
            runner,
            Failure::Timeout(timed_out.map_or(0, |job| job.seqno)),
        )
    }

    /// Returns `true` if a job can run. If its dependencies signal after this check, their callback
    /// queues the worker: registering it has enabled signalling.
    fn has_work(&self, last_begun: &Atomic<u64>, options: &JobQueueOptions) -> bool {
        let first = self.waiting.iter().next();
        let oldest = self.running.iter().next();

        // The job with the next number may not be pushed yet.
        self.in_flight < options.in_flight
            && first.is_some_and(|job| {
                job.seqno == last_begun.load(Relaxed) + 1
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

/// The data that the queue, its worker and its completers share.
#[pin_data]
pub(super) struct Shared<R: JobRunner> {
    pub(super) context: FenceContext<JobTimeline<R>>,
    pub(super) options: JobQueueOptions,
    /// The number of jobs, prepared ones included.
    pub(super) job_count: Arc<Atomic<i64>>,
    pub(super) worker: WeakRef<WorkRef>,
    pub(super) cleanup: CleanupWork<FinishedJobs<R::Job>>,
    /// The sequence number of the last job that has begun. Changed with the state locked.
    pub(super) last_begun: Atomic<u64>,
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
        state.has_work(&self.last_begun, &self.options)
    }

    pub(super) fn request_reset(&self, error: Error) {
        self.lock(&IrqsOff::begin()).reset = Some(error);
    }

    /// Ends the last step, and returns the next one.
    pub(super) fn next_step(&self) -> Step<R> {
        let irqs = IrqsOff::begin();
        let mut state = self.lock(&irqs);

        state.in_run = None;
        let done = state.take_done(self.options.timeout);
        let step = state.next_step(&self.last_begun, &self.options);

        drop(state);
        drop(irqs);
        self.drop_later(done);
        step
    }

    /// Returns the sequence number of the last job that has begun. If the caller has seen memory
    /// that a job has written, that job counts as begun. Modelled in `begun.litmus`.
    fn last_begun_acquire(&self) -> u64 {
        // Pairs with the barrier after the store.
        smp_mb(Read);
        self.last_begun.load(Relaxed)
    }

    /// See [`Completer::complete`](super::Completer::complete).
    pub(super) fn complete(&self, seqno: u64, result: Result) -> bool {
        // Jobs that are waiting have pending fences, too.
        if seqno > self.last_begun_acquire() {
            return false;
        }
        // Another CPU may be completing the job, too: the context decides which result it has.
        let is_completed = self.context.signal_seqno(seqno, result);

        self.mark_done(seqno, seqno);
        is_completed
    }

    /// See [`Completer::complete_up_to`](super::Completer::complete_up_to).
    pub(super) fn complete_up_to(&self, seqno: u64) -> usize {
        let last = seqno.min(self.last_begun_acquire());

        self.context.signal_up_to(last);
        self.mark_done(0, last)
    }

    /// Marks the running jobs from `first` to `last` as done, after they have completed. Returns
    /// the number of jobs that were not marked before.
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
        let has_work = state.has_work(&self.last_begun, &self.options);

        drop(state);
        drop(irqs);
        if has_work {
            self.queue_worker();
        }
        self.drop_later(done);
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
                Failure::Timeout(seqno) if seqno == entry.seqno => ETIME,
                Failure::Timeout(_) => ECANCELED,
            };

            self.context.signal_seqno(entry.seqno, Err(error));
        }
        self.drop_later(running);
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
        self.drop_later(jobs);
    }

    /// Queues the worker when its timer has expired.
    pub(super) fn timer_expired(&self) {
        self.lock(&IrqsOff::begin()).timer_started = false;
        self.queue_worker();
    }

    pub(super) fn queue_worker(&self) {
        if let Some(worker) = self.worker.upgrade() {
            worker.queue();
        }
    }

    /// Drops jobs later, where that may sleep.
    #[inline]
    fn drop_later(&self, jobs: List<Entry<R::Job>>) {
        if !jobs.is_empty() {
            self.queue_cleanup(jobs);
        }
    }

    #[inline(never)]
    fn queue_cleanup(&self, mut jobs: List<Entry<R::Job>>) {
        lock(&self.cleanup.jobs, &IrqsOff::begin()).push_all_back(&mut jobs);
        self.cleanup.queue();
    }
}
