// SPDX-License-Identifier: GPL-2.0

//! A job.
//!
//! ```text
//!             in-fences           delay, or by hand          all before it
//!   waiting ------------> running ------------------> complete -----------> gone
//!      |                                                 ^         the bound  ^
//!      +-------------- by hand, or a reset --------------+--------------------+
//! ```

use crate::{
    fences::Fences,
    in_fences::InFences,
    limits::{
        Charge,
        ContextCharge, //
    }, //
};
use dma_buf::{
    DriverFence,
    Fence,
    FenceContext, //
};
use kernel::{
    prelude::*,
    rbtree::RBTreeNodeReservation,
    sync::aref::ARef, //
};

/// What a job is to do.
pub(crate) struct Plan {
    /// How long it runs, in ns; `None` until it is completed by hand.
    pub(crate) delay: Option<i64>,
    pub(crate) result: Result,
    /// An in-fence's error is the job's.
    pub(crate) in_error: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Complete,
}

pub(crate) struct Job {
    plan: Plan,
    phase: Phase,
    /// Taken by whoever completes it.
    fence: Option<DriverFence<Fences>>,
    /// The same, to be asked.
    shared: ARef<Fence>,
    in_fences: Option<InFences>,
    /// When it is done, if that is known, and its place by that; see `State::due`.
    pub(crate) due: Option<i64>,
    pub(crate) node: Option<RBTreeNodeReservation<(i64, u64), ()>>,
    charge: Charge,
    /// On an unordered timeline, its own.
    _context: Option<(FenceContext<Fences>, ContextCharge)>,
    /// When it was submitted, in ns of CLOCK_MONOTONIC.
    pub(crate) since: i64,
}

/// The memory of a job, before it has a fence.
pub(crate) struct Allocation {
    place: RBTreeNodeReservation<u64, Job>,
    node: RBTreeNodeReservation<(i64, u64), ()>,
    in_fences: Option<InFences>,
    charge: Charge,
    plan: Plan,
}

impl Allocation {
    pub(crate) fn new(plan: Plan, in_fences: Option<InFences>, charge: Charge) -> Result<Self> {
        Ok(Self {
            place: RBTreeNodeReservation::new(GFP_KERNEL)?,
            node: RBTreeNodeReservation::new(GFP_KERNEL)?,
            in_fences,
            charge,
            plan,
        })
    }

    pub(crate) fn in_fences(&mut self) -> Option<&mut InFences> {
        self.in_fences.as_mut()
    }

    /// The job, and its place among others.
    pub(crate) fn into_job(
        self,
        fence: DriverFence<Fences>,
        context: Option<(FenceContext<Fences>, ContextCharge)>,
    ) -> (RBTreeNodeReservation<u64, Job>, Job) {
        let job = Job {
            phase: Phase::Waiting,
            shared: fence.fence(),
            since: fence.data().made,
            fence: Some(fence),
            in_fences: self.in_fences,
            due: None,
            node: Some(self.node),
            charge: self.charge,
            plan: self.plan,
            _context: context,
        };

        (self.place, job)
    }
}

impl Job {
    pub(crate) fn in_fences(&self) -> Option<&InFences> {
        self.in_fences.as_ref()
    }

    /// Whether it waits, and nothing is known of when it is done.
    pub(crate) fn is_waiting(&self) -> bool {
        self.phase == Phase::Waiting && self.due.is_none()
    }

    /// The job runs from now on, unless it does; says when it is done, if by itself.
    pub(crate) fn start(&mut self, now: i64) -> Option<i64> {
        if self.phase != Phase::Waiting {
            return None;
        }
        self.phase = Phase::Running;
        Some(now.saturating_add(self.plan.delay?))
    }

    /// Takes what has to be done to complete the job, with this error or as it was
    /// submitted; `None` if somebody has.
    pub(crate) fn complete(
        &mut self,
        error: Option<Error>,
    ) -> Option<(DriverFence<Fences>, Result, Option<InFences>)> {
        let fence = self.fence.take()?;
        let in_fences = self.in_fences.take();
        let in_error = in_fences
            .as_ref()
            .filter(|_| self.plan.in_error)
            .and_then(|in_fences| in_fences.error());

        self.phase = Phase::Complete;
        self.charge.reduce_to(1);
        Some((
            fence,
            error.or(in_error).map_or(self.plan.result, Err),
            in_fences,
        ))
    }

    /// Whether somebody was told to complete it.
    pub(crate) fn is_complete(&self) -> bool {
        self.fence.is_none()
    }

    pub(crate) fn has_signalled(&self) -> bool {
        self.shared.test_signaled_flag()
    }

    /// What it does, in a word.
    pub(crate) fn state(&self) -> &'static str {
        match (self.phase, self.plan.delay) {
            (Phase::Waiting, _) => "waiting",
            (Phase::Running, Some(_)) => "running",
            (Phase::Running, None) => "manual",
            (Phase::Complete, _) => "done",
        }
    }
}
