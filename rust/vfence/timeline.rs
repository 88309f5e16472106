// SPDX-License-Identifier: GPL-2.0

//! A timeline: jobs, or points, and their fences.
//!
//! ```text
//!   an ioctl -----------+
//!   an in-fence --------+--> state --> raise --> the interrupt serves the timeline (serve.rs):
//!   the timer, the bound+                        it alone completes jobs and signals points
//! ```
//!
//! The state is under one lock, which is never held while a fence is signalled, or a callback
//! registered or removed. A callback may take it.

mod context;
mod in_fences;
mod job;
mod owner;
mod serve;
mod state;

pub(crate) use context::{
    ContextData,
    FenceData, //
};
pub(crate) use in_fences::InFences;
pub(crate) use job::{
    JobAllocation,
    Plan, //
};

use crate::{
    clock::now,
    interrupt::Interrupt,
    limit::Charge,
    stats::Stats, //
};
use core::ops::RangeInclusive;
use dma_buf::{
    delegate::{
        Delegate,
        Timer, //
    },
    ContextNumbers,
    DriverFence,
    FenceContext,
    SignallingSection, //
};
use job::Due;
use kernel::{
    list::{
        impl_list_arc_safe,
        impl_list_item,
        AtomicTracker,
        ListLinks,
        TryNewListArc, //
    },
    new_condvar,
    new_spinlock_irq,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        CondVar,
        SpinLockIrq, //
    }, //
};
use owner::Owner;
use state::Parts;

type State = state::State<Alarm>;

/// A close does not wait for longer, in ns of CLOCK_MONOTONIC, if more than this number of fences
/// are pending then.
const LONG_CLOSE: (i64, usize) = (100_000_000, 4096);

/// What the fences of a timeline stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Jobs, which signal in order.
    Ordered,
    /// Jobs, which signal as they are done.
    Unordered,
    /// Points that user space picks, as with sw_sync.
    Points,
}

/// A pending fence: its number, its state, in a word, and when it was made, in ns of
/// CLOCK_MONOTONIC.
pub(crate) type Row = (u64, &'static str, i64);

/// What can be asked of a timeline.
pub(crate) struct Summary {
    /// The context of all fences, or 0.
    pub(crate) context: u64,
    /// All up to this number have signalled; of points, the counter.
    pub(crate) value: u64,
    pub(crate) last: u64,
    pub(crate) pending: u64,
    pub(crate) hangs: bool,
}

/// A timeline of points, as it is when one more is to be made.
pub(crate) struct Points {
    pub(crate) context: Arc<FenceContext<ContextData>>,
    /// The counter.
    pub(crate) value: u64,
    /// A fence may be pending for a point that is not outside of this range.
    pub(crate) made: RangeInclusive<u64>,
    /// No fence that is pending was made before, in ns of CLOCK_MONOTONIC.
    pub(crate) since: i64,
    /// No point is pending.
    pub(crate) is_empty: bool,
    /// There are as many pending points as there may be.
    pub(crate) is_full: bool,
}

#[pin_data]
pub(crate) struct Timeline {
    pub(crate) kind: Kind,
    pub(crate) name: CString,
    /// How many fences may be pending.
    max_fences: u32,
    interrupt: Arc<Interrupt<Timeline>>,
    pub(crate) stats: Arc<Stats>,
    #[pin]
    state: SpinLockIrq<State>,
    /// Notified when the interrupt has served the timeline.
    #[pin]
    served: CondVar,
    #[pin]
    links: ListLinks,
    #[pin]
    tracker: AtomicTracker,
}

impl_list_arc_safe! {
    impl ListArcSafe<0> for Timeline { tracked_by tracker: AtomicTracker; }
}
impl_list_item! {
    impl ListItem<0> for Timeline { using ListLinks { self.links }; }
}

/// The timer's body.
struct Alarm(Arc<Timeline>);

impl Delegate for Alarm {
    fn run(&self, _section: &SignallingSection<'_>) {
        self.0.state.lock().timer_at = None;
        self.0.raise();
    }
}

impl Timeline {
    /// Makes an idle timeline, with what `context` makes of it as the context of all its fences.
    /// It must be closed.
    pub(crate) fn new(
        kind: Kind,
        name: CString,
        max_fences: u32,
        interrupt: Arc<Interrupt<Timeline>>,
        stats: Arc<Stats>,
        charge: Charge,
        context: impl FnOnce(&Arc<Self>) -> Result<Option<FenceContext<ContextData>>>,
    ) -> Result<Arc<Self>> {
        let this = Arc::pin_init(
            pin_init!(Self {
                kind,
                name,
                max_fences,
                interrupt,
                stats,
                state <- new_spinlock_irq!(State::new()),
                served <- new_condvar!("vfence::Timeline::served"),
                links <- ListLinks::new(),
                tracker <- AtomicTracker::new(),
            }),
            GFP_KERNEL,
        )?;
        let context = match context(&this)? {
            Some(context) => Some(Arc::new(context, GFP_KERNEL)?),
            None => None,
        };
        let parts = Parts {
            context,
            timer: Timer::new(Alarm(this.clone()))?,
            _charge: charge,
        };

        this.state.lock().parts = Some(parts);
        Ok(this)
    }

    /// The data of a context for this timeline's fences.
    pub(crate) fn context_data(self: &Arc<Self>) -> ContextData {
        ContextData(self.clone())
    }

    /// What the in-fences of a job are told.
    pub(crate) fn owner(self: &Arc<Self>) -> Arc<dyn Owner> {
        self.clone()
    }

    /// The context of all fences, unless they have one each.
    pub(crate) fn context(&self) -> Option<Arc<FenceContext<ContextData>>> {
        self.state.lock().context()
    }

    /// The interrupt serves the timeline soon.
    fn raise(self: &Arc<Self>) {
        self.interrupt.raise(self.clone());
    }

    /// Changes the state, and raises the interrupt unless that fails.
    fn request<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let changed = change(&mut self.state.lock())?;

        self.raise();
        Ok(changed)
    }

    /// Waits until the interrupt has brought something about.
    ///
    /// Context: process; may sleep.
    fn wait_until(&self, is_so: impl Fn(&State) -> bool) {
        let mut state = self.state.lock();

        state.waiters += 1;
        while !is_so(&state) {
            drop(state);

            let has_hurried = self.interrupt.hurry();

            state = self.state.lock();
            if !has_hurried && !is_so(&state) {
                self.served.wait(&mut state);
            }
        }
        state.waiters -= 1;
    }

    /// Completes a job, or with `and_before` all up to it, and if `wait` is set waits until they
    /// are complete. Fails with `EINVAL` for a number that was not given out, and with `EIO` if
    /// the timeline hangs.
    pub(crate) fn signal(self: &Arc<Self>, number: u64, and_before: bool, wait: bool) -> Result {
        self.request(|state| {
            if number > state.last || (number == 0 && !and_before) {
                return Err(EINVAL);
            }
            if state.hangs {
                return Err(EIO);
            }
            if and_before {
                state.complete_up_to = state.complete_up_to.max(number);
            } else {
                state.set_due(number, Due::Now);
            }
            Ok(())
        })?;
        if wait {
            self.wait_until(|state| state.hangs || state.has_completed(number, and_before));
            // Another thread may have had it hang meanwhile.
            if !self.state.lock().has_completed(number, and_before) {
                return Err(EIO);
            }
        }
        Ok(())
    }

    /// From when this returns, no job completes.
    pub(crate) fn hang(self: &Arc<Self>) -> Result {
        self.request(|state| {
            state.hangs = true;
            Ok(())
        })?;
        self.wait_until(|state| state.current.is_none() && !state.is_their_turn);
        Ok(())
    }

    /// Completes all jobs that are pending with an error.
    pub(crate) fn reset(self: &Arc<Self>, error: Error) -> Result {
        let last = self.request(|state| {
            state.hangs = false;
            state.reset = Some((state.last, error));
            Ok(state.last)
        })?;

        self.wait_until(|state| state.reset.is_none() && state.has_completed(last, true));
        Ok(())
    }

    /// Increments the counter, and signals the points that it passes.
    pub(crate) fn increment(self: &Arc<Self>, step: u32) -> Result {
        let value = self.request(|state| {
            state.value = state.value.saturating_add(step.into());
            Ok(state.value)
        })?;

        self.wait_until(|state| state.signalled >= value);
        Ok(())
    }

    /// Returns what is known of the timeline, and changes nothing.
    pub(crate) fn summary(&self) -> Summary {
        let (context, mut summary) = {
            let state = self.state.lock();

            (
                state.context(),
                Summary {
                    context: 0,
                    value: match self.kind {
                        Kind::Points => state.value,
                        _ => state.front() - 1,
                    },
                    last: state.last,
                    pending: state.pending() as u64,
                    hangs: state.hangs,
                },
            )
        };

        let Some(context) = context else {
            return summary;
        };
        summary.context = context.context();
        // Jobs that are done and wait for their turn are pending as well, and only the context
        // knows of them. Every number has a fence.
        if self.kind == Kind::Ordered {
            let first = context.first_pending_seqno().unwrap_or(u64::MAX);

            summary.value = (first - 1).min(summary.last);
            summary.pending = summary.last - summary.value;
        }
        summary
    }

    /// Returns the number of the next job. Fails with `ENOSPC` if it is one too many.
    pub(crate) fn next_number(&self) -> Result<u64> {
        let Summary { last, pending, .. } = self.summary();

        if pending >= self.max_fences.into() {
            return Err(ENOSPC);
        }
        Ok(last + 1)
    }

    /// Adds the job with the next number, whose fence is published. `context` is its own, on an
    /// unordered timeline.
    pub(crate) fn add(
        self: &Arc<Self>,
        number: u64,
        job: JobAllocation,
        fence: DriverFence<ContextData>,
        context: Option<(FenceContext<ContextData>, Charge)>,
    ) {
        let (node, job) = job.into_job(fence, context);
        let wait = job.wait();
        let is_due = {
            let mut state = self.state.lock();
            // The bound may have come before the job was there, and found none.
            let is_expired = job.is_expired();

            state.last = number;
            state.insert(number, node, job);
            if wait.is_none() {
                state.start(number, now());
            }
            state.is_due(now) || is_expired
        };

        if is_due {
            self.raise();
        }
        if let Some(wait) = wait {
            wait.arrive();
        }
    }

    /// Returns what a new point needs to know.
    pub(crate) fn points(&self) -> Result<Points> {
        let state = self.state.lock();
        let pending = state.pending();

        Ok(Points {
            context: state.context().ok_or(EINVAL)?,
            value: state.value,
            made: state.lowest..=state.last,
            since: state.since,
            is_empty: pending == 0,
            is_full: pending >= self.max_fences as usize,
        })
    }

    /// Notes a point, which is made now. `is_first` if no other one is pending.
    pub(crate) fn add_point(&self, point: u64, now: i64, is_first: bool) {
        let mut state = self.state.lock();

        if is_first {
            state.lowest = point;
            state.since = now;
        }
        state.lowest = state.lowest.min(point);
        state.last = state.last.max(point);
    }

    /// Describes the first pending fences, as many as `rows` has room for.
    pub(crate) fn show(&self, rows: &mut KVec<Row>, numbers: &ContextNumbers<ContextData>) {
        let mut fences = KVec::new();
        let context = self.context();

        if let Some(context) = &context {
            if fences.reserve(rows.capacity(), GFP_KERNEL).is_ok() {
                context.pending(&mut fences);
            }
        }
        let state = self.state.lock();

        // With the lock held, nothing is allocated: there is room for all, or it ends.
        if context.is_none() {
            for (number, job) in state.jobs.iter() {
                if rows
                    .push_within_capacity((*number, job.state(), job.made()))
                    .is_err()
                {
                    return;
                }
            }
        }
        for fence in &fences {
            let number = fence.seqno();
            let word = match state.jobs.get(&number) {
                Some(job) => job.state(),
                None if self.kind == Kind::Points => "point",
                None => "done",
            };

            if let Some(data) = numbers.data(fence) {
                let _ = rows.push_within_capacity((number, word, data.made));
            }
        }
        // What may be the last reference to a fence is not dropped with the lock held.
        drop(state);
    }

    /// Completes what is pending, with `ENOENT` as sw_sync does. If that takes long, the interrupt
    /// goes on after this has returned.
    ///
    /// Context: process; may sleep.
    pub(crate) fn close(self: &Arc<Self>) {
        let (ns, count) = LONG_CLOSE;
        let end = now() + ns;
        // It cannot fail.
        let _ = self.request(|state| {
            state.hangs = false;
            state.reset = Some((u64::MAX, ENOENT));
            state.is_closed = true;
            Ok(())
        });

        self.wait_until(|state| state.is_gone || (state.pending() > count && now() > end));
    }
}

impl Owner for Timeline {
    fn ready(self: Arc<Self>, number: u64) {
        self.state.lock().set_ready(number, now());
        self.raise();
    }

    fn expired(self: Arc<Self>, count: usize) {
        self.stats.timed_out.add(count);
        if self.kind != Kind::Points {
            // It drops the jobs.
            self.raise();
        }
    }
}
