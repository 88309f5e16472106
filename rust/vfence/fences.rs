// SPDX-License-Identifier: GPL-2.0

//! The fences of a timeline.
//!
//! They have neither `signaled` nor `enable_signaling`: nothing but the timeline's
//! irq_work signals them, and the bound.

use crate::timeline::Timeline;
use dma_buf::{
    ContextOptions,
    FenceContext,
    FenceContextOps, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        hrtimer::HrTimerExpires,
        Instant,
        Monotonic, //
    }, //
};

/// What a fence carries: when it was made, in ns of CLOCK_MONOTONIC.
pub(crate) struct Made(pub(crate) i64);

impl Made {
    pub(crate) fn now() -> Self {
        Self(now())
    }
}

/// The time in ns of CLOCK_MONOTONIC.
pub(crate) fn now() -> i64 {
    Instant::<Monotonic>::now().as_nanos()
}

/// A context's data.
pub(crate) struct Fences {
    timeline: Arc<Timeline>,
    /// The context's own number.
    context: Atomic<u64>,
}

impl Fences {
    /// Makes a context for fences of a timeline.
    pub(crate) fn context(timeline: &Arc<Timeline>) -> Result<FenceContext<Self>> {
        let context = FenceContext::with_options(
            c"vfence",
            &timeline.name,
            ContextOptions::new().bound(timeline.device.bound)?,
            Self {
                timeline: timeline.clone(),
                context: Atomic::new(0),
            },
        )?;

        context.context.store(context.context(), Relaxed);
        Ok(context)
    }
}

#[vtable]
impl FenceContextOps for Fences {
    type FenceData = Made;

    fn set_deadline(&self, _data: &Made, seqno: u64, deadline: Instant<Monotonic>) {
        self.timeline
            .device
            .deadlines
            .set(self.context.load(Relaxed), seqno, deadline.as_nanos());
    }

    fn expired(&self, seqno: u64, count: usize) {
        self.timeline.expired(seqno, count);
    }
}
