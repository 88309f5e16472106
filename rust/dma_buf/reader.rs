// SPDX-License-Identifier: GPL-2.0

//! RCU read-side sections of which RCU need not be told.
//!
//! A grace period waits for whoever has preemption or interrupts off when it begins.
//! Where they are off anyway, or that is cheaper, `rcu_read_lock()` adds nothing.
//!
//! Reference: <https://docs.kernel.org/RCU/whatisRCU.html>

use crate::bindings;
use kernel::types::NotThreadSafe;

/// A section that will take an [`IrqLock`](crate::lock::IrqLock): with interrupts
/// off, unless such a lock sleeps.
pub(crate) struct IrqReader {
    #[cfg(not(CONFIG_PREEMPT_RT))]
    flags: usize,
    #[cfg(CONFIG_PREEMPT_RT)]
    _rcu: kernel::sync::rcu::Guard,
    _not_send: NotThreadSafe,
}

impl IrqReader {
    #[inline]
    pub(crate) fn begin() -> Self {
        Self {
            // SAFETY: Any context.
            #[cfg(not(CONFIG_PREEMPT_RT))]
            flags: unsafe { bindings::dma_buf_rs_local_irq_save() },
            #[cfg(CONFIG_PREEMPT_RT)]
            _rcu: kernel::sync::rcu::read_lock(),
            _not_send: NotThreadSafe,
        }
    }

    /// Leaves interrupts off; whoever takes the flags restores them.
    #[cfg(not(CONFIG_PREEMPT_RT))]
    #[inline]
    pub(crate) fn into_flags(self) -> usize {
        core::mem::ManuallyDrop::new(self).flags
    }
}

#[cfg(not(CONFIG_PREEMPT_RT))]
impl Drop for IrqReader {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: As saved by `begin`, on this CPU.
        unsafe { bindings::dma_buf_rs_local_irq_restore(self.flags) };
    }
}

/// A section that takes no sleeping lock, also with `PREEMPT_RT`: with preemption
/// off.
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
