// SPDX-License-Identifier: GPL-2.0

//! What a timeline knows, under its lock.

use super::{
    context::ContextData,
    job::{
        Due,
        Job, //
    }, //
};
use crate::limit::Charge;
use dma_buf::{
    delegate::{
        Delegate,
        Timer, //
    },
    FenceContext, //
};
use kernel::{
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::Arc,
    time::Delta, //
};

/// What refers back to the timeline, and goes when the file is closed and nothing is pending.
pub(crate) struct Parts<A: Delegate> {
    /// The context of all fences, unless they have one each.
    pub(super) context: Option<Arc<FenceContext<ContextData>>>,
    /// Serves the timeline when a job is due.
    pub(super) timer: Timer<A>,
    /// Also for a timeline without a context: it limits how many there are.
    pub(super) _charge: Charge,
}

/// What the interrupt has to do with a timeline.
pub(super) enum Step {
    /// Complete a job: with this error, or as it was submitted.
    Complete(Job, Option<Error>),
    /// Drop a job that the bound has completed.
    Drop(Job),
    /// Signal jobs up to this number that were done before, and wait for their turn.
    SignalDone(u64),
    /// Signal the points above the first one, up to the second.
    Signal(u64, u64),
    /// Signal all points with this error.
    Cancel(Error),
    /// Look again: a job was started.
    Again,
}

/// Protected by the timeline's lock. `A` is what its timer does.
pub(crate) struct State<A: Delegate> {
    pub(super) parts: Option<Parts<A>>,
    /// The jobs that are not complete, by number.
    pub(super) jobs: RBTree<u64, Job>,
    /// Those with something to be done by itself. A job knows its key.
    due: RBTree<(Due, u64), ()>,
    /// How many jobs there are in `jobs`.
    pub(super) count: usize,
    /// The highest number given out, or point made.
    pub(crate) last: u64,
    /// The lowest point that was made since none was pending, and when that was, in ns of
    /// CLOCK_MONOTONIC.
    pub(super) lowest: u64,
    pub(super) since: i64,
    /// The counter of a timeline of points.
    pub(crate) value: u64,
    /// All points up to this one have signalled.
    pub(super) signalled: u64,
    /// All jobs up to this number complete, by hand.
    pub(super) complete_up_to: u64,
    /// All jobs up to this number complete, with this error.
    pub(super) reset: Option<(u64, Error)>,
    /// No job completes.
    pub(super) hangs: bool,
    /// The file is closed.
    pub(super) is_closed: bool,
    /// What had to go with the file is gone.
    pub(super) is_gone: bool,
    /// The interrupt serves the timeline, on one CPU.
    pub(super) is_served: bool,
    /// The job that is being completed: it is in `jobs` no more.
    pub(super) current: Option<u64>,
    /// Jobs may be done that wait for their turn to signal.
    pub(super) has_done: bool,
    /// Such jobs may have got their turn.
    pub(super) is_their_turn: bool,
    /// When the timer is over, if it is started.
    pub(super) timer_at: Option<i64>,
    /// How many tasks wait for the interrupt.
    pub(super) waiters: usize,
}

impl<A: Delegate> State<A> {
    pub(super) fn new() -> Self {
        Self {
            parts: None,
            jobs: RBTree::new(),
            due: RBTree::new(),
            count: 0,
            last: 0,
            lowest: 0,
            since: 0,
            value: 0,
            signalled: 0,
            complete_up_to: 0,
            reset: None,
            hangs: false,
            is_closed: false,
            is_gone: false,
            is_served: false,
            current: None,
            has_done: false,
            is_their_turn: false,
            timer_at: None,
            waiters: 0,
        }
    }

    /// The context of all fences, unless they have one each.
    pub(super) fn context(&self) -> Option<Arc<FenceContext<ContextData>>> {
        self.parts.as_ref()?.context.clone()
    }

    /// How many jobs are not complete, or how many points are pending.
    pub(super) fn pending(&self) -> usize {
        let context = self.parts.as_ref().and_then(|parts| parts.context.as_ref());

        self.count + context.map_or(0, |context| context.point_count())
    }

    pub(super) fn insert(&mut self, number: u64, node: RBTreeNodeReservation<u64, Job>, job: Job) {
        self.count += 1;
        self.jobs.insert(node.into_node(number, job));
    }

    fn remove(&mut self, number: u64) -> Option<Job> {
        let (_, mut job) = self.jobs.remove_node(&number)?.to_key_value();

        self.count -= 1;
        Self::clear_due(&mut self.due, number, &mut job);
        Some(job)
    }

    /// The job is not due any more.
    fn clear_due(due: &mut RBTree<(Due, u64), ()>, number: u64, job: &mut Job) {
        if let Some(at) = job.due.take() {
            job.place = due
                .remove_node(&(at, number))
                .map(|node| node.into_reservation());
        }
    }

    /// Whether a job is complete, or with `and_before` all up to it, and has signalled if it is
    /// its turn.
    pub(super) fn has_completed(&self, number: u64, and_before: bool) -> bool {
        let (is_left, is_current) = if and_before {
            (
                self.front() <= number,
                self.current.is_some_and(|current| current <= number),
            )
        } else {
            (
                self.jobs.get(&number).is_some(),
                self.current == Some(number),
            )
        };

        !is_left && !is_current && !self.is_their_turn
    }

    /// The number of the first job that is not complete, or the next to be given out.
    pub(crate) fn front(&self) -> u64 {
        self.jobs
            .cursor_front()
            .map_or(self.last + 1, |cursor| *cursor.current().0)
    }

    /// The job is due then, and not at another time.
    pub(super) fn set_due(&mut self, number: u64, due: Due) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };

        Self::clear_due(&mut self.due, number, job);
        if let Some(place) = job.place.take() {
            job.due = Some(due);
            self.due.insert(place.into_node((due, number), ()));
        }
    }

    /// The job starts, as all its in-fences have signalled at this time. A job that is being
    /// completed by hand is left alone.
    pub(super) fn set_ready(&mut self, number: u64, since: i64) {
        if self.jobs.get(&number).is_some_and(|job| job.due.is_none()) {
            self.set_due(number, Due::Start(since));
        }
    }

    /// The job has run since this time.
    pub(super) fn start(&mut self, number: u64, since: i64) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };

        Self::clear_due(&mut self.due, number, job);
        if let Some(due) = job.start(since) {
            self.set_due(number, due);
        }
    }

    fn first_due(&self) -> Option<(Due, u64)> {
        self.due.cursor_front().map(|cursor| *cursor.current().0)
    }

    /// Says that the first job is due, or starts the timer for it.
    pub(super) fn is_due(&mut self, now: impl Fn() -> i64) -> bool {
        match self.first_due() {
            Some((Due::Start(_), _)) => true,
            _ if self.hangs => false,
            None => false,
            Some((Due::Now, _)) => true,
            Some((Due::At(at), _)) => {
                let left = at.saturating_sub(now());

                if left > 0 {
                    self.start_timer(at, left);
                }
                left <= 0
            }
        }
    }

    /// Starts the timer, unless it is over before.
    fn start_timer(&mut self, at: i64, delay: i64) {
        if self.timer_at.is_some_and(|timer_at| timer_at <= at) {
            return;
        }
        if let Some(parts) = &self.parts {
            self.timer_at = Some(at);
            parts.timer.start(Delta::from_nanos(delay));
        }
    }

    /// Returns what there is to do on a timeline of points.
    pub(super) fn next_of_points(&self) -> Option<Step> {
        match self.reset {
            Some((_, error)) => Some(Step::Cancel(error)),
            None => {
                (self.signalled < self.value).then_some(Step::Signal(self.signalled, self.value))
            }
        }
    }

    /// Returns what there is to do on a timeline of jobs.
    pub(super) fn next_of_jobs(&mut self, now: impl Fn() -> i64) -> Option<Step> {
        if self.is_their_turn {
            return Some(Step::SignalDone(self.front() - 1));
        }
        if let Some(front) = self.jobs.cursor_front() {
            let (&number, job) = front.current();

            if job.is_expired() {
                return self.remove(number).map(Step::Drop);
            }
            if let Some((_, error)) = self.reset.filter(|(up_to, _)| number <= *up_to) {
                return self.complete(number, Some(error));
            }
            if number <= self.complete_up_to && !self.hangs {
                return self.complete(number, None);
            }
        }
        self.reset = None;
        if !self.is_due(now) {
            return None;
        }
        let (due, number) = self.first_due()?;

        if let Due::Start(since) = due {
            self.start(number, since);
            return Some(Step::Again);
        }
        self.complete(number, None)
    }

    /// Takes a job out, to be completed.
    fn complete(&mut self, number: u64, error: Option<Error>) -> Option<Step> {
        self.current = Some(number);
        self.remove(number).map(|job| Step::Complete(job, error))
    }
}
