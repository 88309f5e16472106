// SPDX-License-Identifier: GPL-2.0

//! A context with all the operations that one can have, to be looked at.

use crate::fixture::{
    Counter,
    Droppable, //
};
use dma_buf::{
    ContextOptions,
    DriverFence,
    FenceContext,
    FenceContextOps, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// What an operation is to answer.
const BUSY: i32 = 1;

/// What the operations of a [`Device`] have been asked, and answer.
pub(crate) struct Seen {
    pub(crate) enabled: Atomic<i32>,
    pub(crate) polled: Atomic<i32>,
    pub(crate) deadlines: Atomic<i32>,
    pub(crate) seqno: Atomic<u64>,
    pub(crate) on_enable: Atomic<i32>,
    /// The last sequence number that is complete.
    pub(crate) complete: Atomic<u64>,
    /// The data, or the context's own, had been dropped when it was lent.
    pub(crate) dead: Atomic<bool>,
}

pub(crate) struct Device {
    seen: Arc<Seen>,
    own: Droppable,
}

pub(crate) struct Job {
    pub(crate) drops: Droppable,
    /// How long an operation takes, in loops.
    pub(crate) slow: u32,
}

impl Device {
    /// What each operation does.
    fn used(&self, job: &Job, seqno: u64) {
        self.seen.seqno.store(seqno, Relaxed);
        for _ in 0..job.slow {
            core::hint::spin_loop();
        }
        if job.drops.0.get() != 0 || self.own.0.get() != 0 {
            self.seen.dead.store(true, Relaxed);
        }
    }
}

fn answer(error: i32) -> Option<Result> {
    match error {
        BUSY => None,
        0 => Some(Ok(())),
        error => Some(Err(Error::from_errno(error))),
    }
}

#[vtable]
impl FenceContextOps for Device {
    type FenceData = Job;

    fn enable_signaling(&self, job: &Job, seqno: u64) -> Option<Result> {
        self.used(job, seqno);
        self.seen.enabled.add(1, Relaxed);
        answer(self.seen.on_enable.load(Relaxed))
    }

    fn signaled(&self, job: &Job, seqno: u64) -> Option<Result> {
        self.used(job, seqno);
        self.seen.polled.add(1, Relaxed);
        (seqno <= self.seen.complete.load(Acquire)).then_some(Err(EIO))
    }

    fn set_deadline(&self, job: &Job, seqno: u64, deadline: Instant<Monotonic>) {
        self.used(job, seqno);
        self.seen.deadlines.add(1, Relaxed);
        if deadline.elapsed().is_negative() {
            self.seen.deadlines.add(100, Relaxed);
        }
    }
}

/// A context, and what becomes of its operations.
pub(crate) fn device() -> Result<(FenceContext<Device>, Arc<Seen>)> {
    device_with(ContextOptions::new())
}

/// [`device`], with options.
pub(crate) fn device_with(options: ContextOptions) -> Result<(FenceContext<Device>, Arc<Seen>)> {
    let seen = Arc::new(
        Seen {
            enabled: Atomic::new(0),
            polled: Atomic::new(0),
            deadlines: Atomic::new(0),
            seqno: Atomic::new(0),
            on_enable: Atomic::new(BUSY),
            complete: Atomic::new(0),
            dead: Atomic::new(false),
        },
        GFP_KERNEL,
    )?;
    let own = Droppable(Counter::new()?);
    let device = Device {
        seen: seen.clone(),
        own,
    };

    let context = FenceContext::with_options(c"mock", c"device", options, device)?;

    Ok((context, seen))
}

/// Its next fence.
pub(crate) fn job(context: &FenceContext<Device>, slow: u32) -> Result<DriverFence<Device>> {
    let drops = Droppable(Counter::new()?);

    Ok(context.new_fence(context.new_fence_allocation(Job { drops, slow })?))
}
