// SPDX-License-Identifier: GPL-2.0

//! A job.
//!
//! ```text
//!              in-fences             delay, or by hand
//!   waiting --------------> running -------------------> complete: it signals, in its turn
//!      |                                                    ^
//!      +---------------- by hand, or a reset ---------------+
//! ```

use super::{
    context::ContextData,
    in_fences::{
        InFences,
        Wait, //
    }, //
};
use crate::limit::Charge;
use dma_buf::{
    DriverFence,
    FenceContext,
    SignalOutcome, //
};
use kernel::{
    prelude::*,
    rbtree::RBTreeNodeReservation,
    sync::Arc, //
};

/// What a job is to do.
pub(crate) struct Plan {
    /// How long it runs, in ns; `None` until it is completed by hand.
    pub(crate) delay: Option<i64>,
    pub(crate) result: Result,
    /// An in-fence's error is the job's.
    pub(crate) in_error: bool,
}

/// When the interrupt has something to do with a job. Times are in ns of CLOCK_MONOTONIC.
///
/// In this order: what was completed by hand comes before what is done by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// It starts: it has been ready since this time.
    Start(i64),
    /// It completes.
    Now,
    /// It completes at this time.
    At(i64),
}

pub(crate) struct Job {
    plan: Plan,
    is_running: bool,
    pub(super) due: Option<Due>,
    /// Its place among the jobs that are due, while it is not due.
    pub(super) place: Option<RBTreeNodeReservation<(Due, u64), ()>>,
    fence: DriverFence<ContextData>,
    in_fences: Option<InFences>,
    /// Its own, on an unordered timeline.
    _context: Option<(FenceContext<ContextData>, Charge)>,
}

/// The memory of a job that has no fence yet.
pub(crate) struct JobAllocation {
    node: RBTreeNodeReservation<u64, Job>,
    place: RBTreeNodeReservation<(Due, u64), ()>,
    in_fences: Option<InFences>,
    plan: Plan,
}

impl JobAllocation {
    pub(crate) fn new(plan: Plan, in_fences: Option<InFences>) -> Result<Self> {
        Ok(Self {
            node: RBTreeNodeReservation::new(GFP_KERNEL)?,
            place: RBTreeNodeReservation::new(GFP_KERNEL)?,
            in_fences,
            plan,
        })
    }

    /// Registers the callbacks on the in-fences.
    pub(crate) fn arm(&mut self) {
        if let Some(in_fences) = &mut self.in_fences {
            in_fences.arm();
        }
    }

    /// Returns the job, and its place on a timeline.
    pub(super) fn into_job(
        self,
        fence: DriverFence<ContextData>,
        context: Option<(FenceContext<ContextData>, Charge)>,
    ) -> (RBTreeNodeReservation<u64, Job>, Job) {
        let job = Job {
            plan: self.plan,
            is_running: false,
            due: None,
            place: Some(self.place),
            fence,
            in_fences: self.in_fences,
            _context: context,
        };

        (self.node, job)
    }
}

impl Job {
    /// What the job waits for, if there is anything.
    pub(super) fn wait(&self) -> Option<Arc<Wait>> {
        self.in_fences.as_ref().map(InFences::wait)
    }

    pub(super) fn in_fence_count(&self) -> usize {
        self.in_fences.as_ref().map_or(0, InFences::count)
    }

    /// The job has run since this time. Returns when it completes by itself, if it does.
    pub(super) fn start(&mut self, since: i64) -> Option<Due> {
        self.is_running = true;
        Some(Due::At(since.saturating_add(self.plan.delay?)))
    }

    /// Completes the job: with this error, or as it was submitted.
    pub(super) fn complete(self, error: Option<Error>) -> SignalOutcome {
        let in_error = self
            .in_fences
            .as_ref()
            .filter(|_| self.plan.in_error)
            .and_then(InFences::error);

        self.fence
            .signal(error.or(in_error).map_or(self.plan.result, Err))
    }

    /// The bound has completed it.
    pub(super) fn is_expired(&self) -> bool {
        self.fence.as_fence().test_signaled_flag()
    }

    /// When its fence was made, in ns of CLOCK_MONOTONIC.
    pub(crate) fn made(&self) -> i64 {
        self.fence.data().made
    }

    /// What it does, in a word.
    pub(crate) fn state(&self) -> &'static str {
        match (self.is_running, self.plan.delay) {
            (false, _) => "waiting",
            (true, Some(_)) => "running",
            (true, None) => "manual",
        }
    }
}
