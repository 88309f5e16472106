// SPDX-License-Identifier: GPL-2.0

//! What a timeline knows, under its lock.

use super::expired::Expired;
use crate::{
    interrupt::Links,
    job::Job, //
};
use kernel::{
    prelude::*,
    rbtree::RBTree, //
};

/// Protected by the timeline's lock.
pub(crate) struct State {
    /// The jobs whose fences have not signalled, by number.
    pub(crate) jobs: RBTree<u64, Job>,
    pub(crate) job_count: u64,
    /// The jobs that something is to be done with by itself, by when, in ns of
    /// CLOCK_MONOTONIC: they are done, or at 0 told to be, or, below 0, they are to be
    /// started, see [`ready_at`].
    pub(crate) due: RBTree<(i64, u64), ()>,
    /// How to get the irq_work going; until the file is closed.
    pub(crate) links: Option<Links>,
    /// The highest number given out, or point made.
    pub(crate) last: u64,
    /// The jobs up to this number are to be completed.
    pub(crate) complete_up_to: u64,
    /// The jobs up to this number are to be completed with this error.
    pub(crate) reset: Option<(u64, Error)>,
    /// No job completes by itself.
    pub(crate) hangs: bool,
    /// What the bound has completed.
    pub(super) expired: Expired,
    /// The counter of a timeline of points, and as far as points were signalled.
    pub(crate) value: u64,
    pub(super) signalled: u64,
    /// The timer is that of a pause, which no job's may replace: more is left to be done.
    pub(super) paused: bool,
    /// How many CPUs are about to do what they were told.
    pub(super) active: u32,
    /// How many requests there have been.
    pub(super) requests: u64,
    /// How many of them are done.
    pub(super) served: u64,
}

/// When a job is due that is to be started, as it has been ready since.
pub(super) fn ready_at(since: i64) -> i64 {
    since | i64::MIN
}

/// Since when it was ready.
pub(super) fn ready_since(at: i64) -> i64 {
    at & i64::MAX
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            jobs: RBTree::new(),
            job_count: 0,
            due: RBTree::new(),
            links: None,
            last: 0,
            complete_up_to: 0,
            reset: None,
            hangs: false,
            expired: Expired::new(),
            value: 0,
            signalled: 0,
            paused: false,
            active: 0,
            requests: 0,
            served: 0,
        }
    }

    /// Takes a job out.
    pub(super) fn remove(&mut self, number: u64) -> Option<Job> {
        let (_, mut job) = self.jobs.remove_node(&number)?.to_key_value();

        self.job_count -= 1;
        Self::clear_due(&mut self.due, number, &mut job);
        Some(job)
    }

    /// The number of the first job whose fence has not signalled.
    pub(crate) fn front(&self) -> Option<u64> {
        self.jobs.cursor_front().map(|cursor| *cursor.current().0)
    }

    /// When the first of the jobs that run is done, and its number.
    pub(super) fn first_due(&self) -> Option<(i64, u64)> {
        self.due.cursor_front().map(|cursor| *cursor.current().0)
    }

    /// Has a job completed at this time, or started, if it is not complete.
    pub(crate) fn set_due(&mut self, number: u64, at: i64) {
        let job = self.jobs.get_mut(&number);
        let Some(job) = job.filter(|job| !job.is_complete()) else {
            return;
        };

        Self::clear_due(&mut self.due, number, job);
        if let Some(node) = job.node.take() {
            job.due = Some(at);
            self.due.insert(node.into_node((at, number), ()));
        }
    }

    /// A job does not run any more.
    pub(super) fn clear_due(due: &mut RBTree<(i64, u64), ()>, number: u64, job: &mut Job) {
        if let Some(at) = job.due.take() {
            job.node = due
                .remove_node(&(at, number))
                .map(|node| node.into_reservation());
        }
    }

    /// Whether the bound completed the job with this number.
    pub(crate) fn is_expired(&self, number: u64) -> bool {
        self.expired.contains(number)
            || self
                .jobs
                .get(&number)
                .is_some_and(|job| job.has_signalled() && !job.is_complete())
    }
}
