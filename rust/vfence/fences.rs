// SPDX-License-Identifier: GPL-2.0

//! The fences of a timeline.
//!
//! They have neither `signaled` nor `enable_signaling`: nothing but the timeline's
//! irq_work signals them, and the bound.

use crate::{
    ring::Kind,
    timeline::Timeline, //
};
use dma_buf::{
    ContextOptions,
    FenceContext,
    FenceContextOps, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc, //
    },
    time::{
        hrtimer::HrTimerExpires,
        Instant,
        Monotonic, //
    }, //
};

/// The time in ns of CLOCK_MONOTONIC.
pub(crate) fn now() -> i64 {
    Instant::<Monotonic>::now().as_nanos()
}

/// The earliest deadline that user space has set for a fence, in ns of CLOCK_MONOTONIC.
struct Deadline {
    is_set: Atomic<bool>,
    ns: Atomic<i64>,
}

impl Deadline {
    fn new() -> Self {
        Self {
            is_set: Atomic::new(false),
            ns: Atomic::new(i64::MAX),
        }
    }

    fn set(&self, ns: i64) {
        let mut earliest = self.ns.load(Relaxed);

        while ns < earliest {
            match self.ns.cmpxchg(earliest, ns, Relaxed) {
                Ok(_) => break,
                Err(other) => earliest = other,
            }
        }
        self.is_set.store(true, Release);
    }

    fn get(&self) -> Option<i64> {
        self.is_set.load(Acquire).then(|| self.ns.load(Relaxed))
    }

    fn clear(&self) {
        self.is_set.store(false, Relaxed);
        self.ns.store(i64::MAX, Relaxed);
    }
}

/// The data of a fence, which stays as long as the fence does.
pub(crate) struct FenceData {
    /// When it was made, in ns of CLOCK_MONOTONIC.
    pub(crate) made: i64,
    deadline: Deadline,
}

impl FenceData {
    pub(crate) fn new() -> Self {
        Self {
            made: now(),
            deadline: Deadline::new(),
        }
    }

    pub(crate) fn deadline(&self) -> Option<i64> {
        self.deadline.get()
    }

    /// Forgets the deadline. Only for a fence that nobody else has.
    pub(crate) fn clear_deadline(&self) {
        self.deadline.clear();
    }
}

/// The data of a context.
pub(crate) struct Fences {
    timeline: Arc<Timeline>,
}

impl Fences {
    /// Makes a context for fences of a timeline, which is to begin with this number.
    pub(crate) fn context(timeline: &Arc<Timeline>, first: u64) -> Result<FenceContext<Self>> {
        let device = &timeline.device;
        let options = ContextOptions::new()
            .timeout(device.bound)?
            .first_seqno(first)?;

        device.numbers.context(
            c"vfence",
            &timeline.name,
            match timeline.kind {
                Kind::Points => options.points(),
                _ => options,
            },
            Self {
                timeline: timeline.clone(),
            },
        )
    }
}

#[vtable]
impl FenceContextOps for Fences {
    type FenceData = FenceData;

    fn set_deadline(&self, data: &FenceData, _seqno: u64, deadline: Instant<Monotonic>) {
        data.deadline.set(deadline.as_nanos());
    }

    fn expired(&self, seqno: u64, count: usize) {
        self.timeline.expired(seqno, count);
    }
}
