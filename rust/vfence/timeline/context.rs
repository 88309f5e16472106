// SPDX-License-Identifier: GPL-2.0

//! The fence contexts of a timeline.
//!
//! Their fences have neither `signaled` nor `enable_signaling`: only the device's interrupt
//! signals them, and the bound.

use super::owner::Owner;
use crate::clock::now;
use dma_buf::FenceContextOps;
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

/// The earliest deadline that was set for a fence, in ns of CLOCK_MONOTONIC.
struct Deadline {
    is_set: Atomic<bool>,
    ns: Atomic<i64>,
}

impl Deadline {
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
}

/// The data of a fence, which stays as long as the fence does.
pub(crate) struct FenceData {
    /// When the fence was made, in ns of CLOCK_MONOTONIC.
    pub(crate) made: i64,
    deadline: Deadline,
}

impl FenceData {
    pub(crate) fn new() -> Self {
        Self {
            made: now(),
            deadline: Deadline {
                is_set: Atomic::new(false),
                ns: Atomic::new(i64::MAX),
            },
        }
    }

    /// Returns the deadline, in ns of CLOCK_MONOTONIC, if one was set.
    pub(crate) fn deadline(&self) -> Option<i64> {
        let Deadline { is_set, ns } = &self.deadline;

        is_set.load(Acquire).then(|| ns.load(Relaxed))
    }

    /// Forgets the deadline. Only for a fence to which nothing else refers.
    pub(crate) fn clear_deadline(&self) {
        self.deadline.is_set.store(false, Relaxed);
        self.deadline.ns.store(i64::MAX, Relaxed);
    }
}

/// The data of a context.
pub(crate) struct ContextData(pub(super) Arc<dyn Owner>);

#[vtable]
impl FenceContextOps for ContextData {
    type FenceData = FenceData;

    fn set_deadline(&self, data: &FenceData, _seqno: u64, deadline: Instant<Monotonic>) {
        data.deadline.set(deadline.as_nanos());
    }

    fn expired(&self, _seqno: u64, count: usize) {
        self.0.clone().expired(count);
    }
}
