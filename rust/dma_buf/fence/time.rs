// SPDX-License-Identifier: GPL-2.0

//! When a fence signalled.

use super::{
    instant,
    owned,
    Fence,
    Leaf, //
};
use crate::bindings;
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Relaxed, //
        }, //
    },
    time::{
        hrtimer::HrTimerExpires,
        Instant,
        Monotonic, //
    }, //
};

impl Fence {
    /// A new fence that has signalled, at the time given.
    ///
    /// Process context, may sleep. Fails with `ENOMEM`.
    ///
    /// C function: `dma_fence_allocate_private_stub()`
    pub fn signaled_at(timestamp: Instant<Monotonic>) -> Result<ARef<Fence>> {
        signaled_at(timestamp.as_nanos()).map(Leaf::into_fence)
    }

    /// When the fence signalled; `None` before.
    ///
    /// A fence that has just signalled may not have its time yet, and then this is
    /// `None`, too. Some drivers put the time in later, from an interrupt, so it is
    /// not waited for, as C does. And some put in a better one when they know it: ask
    /// twice, and the answers may differ.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_timestamp()`
    pub fn timestamp(&self) -> Option<Instant<Monotonic>> {
        self.timestamp_ns().map(instant)
    }

    /// [`Self::timestamp`] in ns of CLOCK_MONOTONIC.
    #[inline]
    pub(crate) fn timestamp_ns(&self) -> Option<i64> {
        if !self.test_signaled_flag() {
            return None;
        }
        // The signaller sets this flag after the other one, and need neither hold the
        // fence's lock in between nor do it at once: i915 leaves it to an irq_work, which
        // may be due on this CPU.
        if self.flags().load(Acquire)
            & (1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_TIMESTAMP_BIT)
            == 0
        {
            return None;
        }
        // SAFETY: The flag says that the union holds the time, and it does as
        // long as there is a reference. It may change all the same: the kernel's
        // scheduler writes a better one over it, whenever it knows one. It is a word,
        // written as a whole, and read so here.
        let timestamp =
            unsafe { Atomic::from_ptr(&raw mut (*self.as_raw()).__bindgen_anon_2.timestamp) };
        Some(timestamp.load(Relaxed))
    }
}

/// [`Fence::signaled_at`], in ns of CLOCK_MONOTONIC.
pub(crate) fn signaled_at(ns: i64) -> Result<ARef<Leaf>> {
    // SAFETY: Any time will do. The callee hands over its reference, and the
    // fence, which has its operations no more, is a leaf.
    unsafe {
        owned(bindings::dma_fence_allocate_private_stub(ns))
            .map(|fence| Leaf::from_fence_unchecked(fence))
            .ok_or(ENOMEM)
    }
}
