// SPDX-License-Identifier: GPL-2.0

//! RCU read-side sections of which RCU need not be told.
//!
//! A grace period waits for CPUs that have preemption off.
//!
//! Reference: <https://docs.kernel.org/RCU/whatisRCU.html>

use crate::bindings;
use kernel::types::NotThreadSafe;

/// A section that takes no sleeping lock, also with `PREEMPT_RT`: with preemption off.
pub(crate) struct PreemptReader {
    _not_send: NotThreadSafe,
}

impl PreemptReader {
    #[inline]
    pub(crate) fn begin() -> Self {
        // SAFETY: Any context.
        unsafe { bindings::dma_buf_rs_preempt_disable() };
        Self {
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for PreemptReader {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Undoes what `begin` did, on this thread.
        unsafe { bindings::dma_buf_rs_preempt_enable() };
    }
}
