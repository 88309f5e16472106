// SPDX-License-Identifier: GPL-2.0

//! Locks that are taken with interrupts off, and RCU read-side sections.
//!
//! They are the kernel crate's [`SpinLockIrq`], taken by its `lock_with()`. Its `lock()` counts
//! how often interrupts have been switched off, which a module does by two calls into the
//! kernel: with it, a fence's life takes 510 instructions instead of 484, where C takes 470
//! (`make bench`). So [`IrqsOff`] switches them off here.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::bindings;
use kernel::{
    sync::SpinLockIrq,
    types::NotThreadSafe, //
};

/// The name and the key of a new lock class.
///
/// Both are static items of this crate: lockdep compares names by address, and drops a class when
/// the memory of its name or key is freed. A literal, as in the kernel crate's macros, would have
/// another address in each module that the caller is inlined into.
macro_rules! lock_class {
    ($name:literal) => {{
        static NAME: &::kernel::str::CStr = $name;

        (NAME, ::kernel::static_lock_class!())
    }};
}
pub(crate) use lock_class;

/// Makes a [`SpinLockIrq`] of a class of its own.
macro_rules! new_irq_lock {
    ($data:expr, $name:literal) => {{
        let (name, key) = $crate::lock::lock_class!($name);

        ::kernel::sync::SpinLockIrq::new($data, name, key)
    }};
}
pub(crate) use new_irq_lock;

/// The guard of a lock that was taken by [`lock`].
#[cfg(not(CONFIG_PREEMPT_RT))]
pub(crate) type IrqGuard<'a, T> = kernel::sync::SpinLockGuard<'a, T>;
/// The guard of a lock that was taken by [`lock`].
#[cfg(CONFIG_PREEMPT_RT)]
pub(crate) type IrqGuard<'a, T> = kernel::sync::SpinLockIrqGuard<'a, T>;

/// An RCU read-side section in which locks are taken: with interrupts off, unless locks sleep
/// (`PREEMPT_RT`).
///
/// A grace period waits for CPUs that have interrupts off, so this does not call RCU. Nested
/// sections end in order, as each is a local variable that is not moved.
pub(crate) struct IrqsOff {
    #[cfg(not(CONFIG_PREEMPT_RT))]
    flags: usize,
    #[cfg(CONFIG_PREEMPT_RT)]
    _rcu: kernel::sync::rcu::Guard,
    _not_send: NotThreadSafe,
}

impl IrqsOff {
    /// Context: any.
    #[inline]
    pub(crate) fn begin() -> Self {
        Self {
            // SAFETY: The function may be called in any context.
            #[cfg(not(CONFIG_PREEMPT_RT))]
            flags: unsafe { bindings::dma_buf_rs_local_irq_save() },
            #[cfg(CONFIG_PREEMPT_RT)]
            _rcu: kernel::sync::rcu::read_lock(),
            _not_send: NotThreadSafe,
        }
    }
}

#[cfg(not(CONFIG_PREEMPT_RT))]
impl Drop for IrqsOff {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `begin` has saved the flags, on this CPU.
        unsafe { bindings::dma_buf_rs_local_irq_restore(self.flags) };
    }
}

/// An RCU read-side section that takes no lock: with preemption off, also on `PREEMPT_RT`.
///
/// Takes 7 instructions less than [`IrqsOff`], of the 289 in which an irq_work is queued and run.
pub(crate) struct PreemptOff {
    _not_send: NotThreadSafe,
}

impl PreemptOff {
    /// Context: any.
    #[inline]
    pub(crate) fn begin() -> Self {
        // SAFETY: The function may be called in any context.
        unsafe { bindings::dma_buf_rs_preempt_disable() };
        Self {
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for PreemptOff {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `begin` has disabled preemption, on this thread.
        unsafe { bindings::dma_buf_rs_preempt_enable() };
    }
}

/// Takes a lock.
#[inline]
pub(crate) fn lock<'a, T>(lock: &'a SpinLockIrq<T>, _irqs: &'a IrqsOff) -> IrqGuard<'a, T> {
    #[cfg(not(CONFIG_PREEMPT_RT))]
    {
        // SAFETY: Interrupts are off for as long as `_irqs` exists.
        lock.lock_with(unsafe { kernel::interrupt::LocalInterruptDisabled::assume_disabled() })
    }
    #[cfg(CONFIG_PREEMPT_RT)]
    {
        lock.lock()
    }
}
