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
    lock::{
        lock,
        new_irq_lock,
        IrqGuard,
        IrqsOff, //
    }, //
};
use core::{
    convert::Infallible,
    mem::take,
    ops::RangeInclusive, //
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
        Arc,
        SpinLockIrq,
        UniqueArc, //
    },
    time::Delta, //
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

/// The state of a queue.
///
/// Both lists are in the order of the sequence numbers, and those of `running` are lower than
/// `next`, which is not higher than those of `waiting`.
pub(super) struct State<R: JobRunner> {
    /// `None` before there is one, and when the queue is being dropped.
    runner: Option<Arc<R>>,
    waiting: List<Entry<R::Job>>,
    running: List<Entry<R::Job>>,
    /// The sequence number of the job that is to run next, which may not be pushed yet.
    next: u64,
    /// The number of jobs in `running` that are not done.
    in_flight: usize,
    /// The sequence number of the job that [`JobRunner::run`] has. It stays in `running` until
    /// [`Shared::next_step`].
    lent: Option<u64>,
    reset: Option<Error>,
    /// When the first job in `running` became that, and when the worker's timer expires, in ns of
    /// CLOCK_MONOTONIC. Only used with a timeout.
    first_since: i64,
    timer_until: i64,
}

impl<R: JobRunner> State<R> {
    pub(super) fn new() -> Self {
        Self {
            runner: None,
            waiting: List::new(),
            running: List::new(),
            next: 1,
            in_flight: 0,
            lent: None,
            reset: None,
            first_since: 0,
            timer_until: 0,
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

    /// Returns the sequence numbers of the running jobs that are not done, up to `last`, in order.
    fn running_up_to(&self, last: u64) -> impl Iterator<Item = u64> + '_ {
        self.running
            .iter()
            .filter(|entry| !entry.is_done.load(Relaxed))
            .map(|entry| entry.seqno)
            .take_while(move |seqno| *seqno <= last)
    }

    /// Returns what is to be done next. After running a job, [`Shared::next_step`] is called again.
    fn next_step(&mut self, options: &JobQueueOptions) -> Step<R> {
        let Some(runner) = self.runner.clone() else {
            return Step::Nothing;
        };

        if let Some(error) = self.reset.take() {
            return Step::Reset(runner, Failure::All(error));
        }
        if self.in_flight < options.in_flight {
            let mut cursor = self.waiting.cursor_front();

            if let Some(entry) = cursor.peek_next() {
                // The callback has enabled signalling, so the flag will be set, and the worker be
                // queued.
                if entry.seqno == self.next && entry.dependencies.have_signaled() {
                    let entry = entry.remove();
                    let job = entry.clone_arc();

                    if self.running.is_empty() && options.timeout.is_some() {
                        self.first_since = now();
                    }
                    self.running.push_back(entry);
                    self.in_flight += 1;
                    self.next += 1;
                    self.lent = Some(job.seqno);
                    return Step::Run(runner, job);
                }
            }
        }
        match options.timeout {
            Some(timeout) if self.in_flight > 0 => self.look_at_clock(runner, timeout),
            _ => Step::Nothing,
        }
    }

    /// Returns what is to be done about the timeout of the first running job.
    fn look_at_clock(&mut self, runner: Arc<R>, timeout: Delta) -> Step<R> {
        let now = now();
        let until = self.first_since.saturating_add(timeout.as_nanos());

        if until <= now {
            let late = self.running_up_to(u64::MAX).next();

            return Step::Reset(runner, Failure::Timeout(late.unwrap_or(0)));
        }
        if self.timer_until > now {
            return Step::Nothing;
        }
        self.timer_until = until;
        Step::Sleep(Delta::from_nanos(until - now))
    }

    /// Returns `true` if a job can run. If its dependencies signal later than this looks, their
    /// callback queues the worker.
    fn has_work(&self, options: &JobQueueOptions) -> bool {
        let first = self.waiting.iter().next();

        self.in_flight < options.in_flight
            && first.is_some_and(|job| job.seqno == self.next && job.dependencies.have_signaled())
    }
}

/// Returns the time in ns of CLOCK_MONOTONIC.
fn now() -> i64 {
    // SAFETY: The function may be called in any context.
    unsafe { bindings::ktime_get() }
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
        state.has_work(&self.options)
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
        let step = state.next_step(&self.options);

        drop(state);
        drop(irqs);
        self.retire(done);
        step
    }

    /// See [`Completer::complete`](super::Completer::complete).
    pub(super) fn complete(&self, seqno: u64, result: Result) -> bool {
        if self.last_running(seqno) != Some(seqno) {
            return false;
        }
        // Another CPU may be completing the job, too: the context decides which result it has.
        let is_completed = self.context.signal_seqno(seqno, result);

        self.mark_done(seqno..=seqno);
        is_completed
    }

    /// See [`Completer::complete_up_to`](super::Completer::complete_up_to).
    pub(super) fn complete_up_to(&self, seqno: u64) -> usize {
        // Jobs that are waiting have fences, too.
        let Some(last) = self.last_running(seqno) else {
            return 0;
        };

        self.context.signal_up_to(last);
        self.mark_done(0..=last)
    }

    /// Returns the last running job up to `seqno` that is not done.
    fn last_running(&self, seqno: u64) -> Option<u64> {
        let irqs = IrqsOff::begin();

        let last = self.lock(&irqs).running_up_to(seqno).last();
        last
    }

    /// Notes that running jobs are done, after they have completed. Returns the number of those
    /// of which that was not known.
    fn mark_done(&self, seqnos: RangeInclusive<u64>) -> usize {
        let irqs = IrqsOff::begin();
        let mut state = self.lock(&irqs);
        let mut count = 0;

        for entry in &state.running {
            if seqnos.contains(&entry.seqno) && !entry.is_done.load(Relaxed) {
                entry.is_done.store(true, Relaxed);
                count += 1;
            }
        }
        if count == 0 {
            return 0;
        }
        state.in_flight -= count;
        let done = state.take_done(self.options.timeout);
        let has_work = state.has_work(&self.options);

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

    pub(super) fn queue_worker(&self) {
        if let Some(worker) = self.worker.upgrade() {
            worker.queue();
        }
    }

    /// Has jobs dropped where that may sleep.
    fn retire(&self, mut jobs: List<Entry<R::Job>>) {
        if !jobs.is_empty() {
            lock(&self.cleanup.jobs, &IrqsOff::begin()).push_all_back(&mut jobs);
            self.cleanup.queue();
        }
    }
}
