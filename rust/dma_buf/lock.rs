// SPDX-License-Identifier: GPL-2.0

//! An irq-safe spinlock around no data.
//!
//! The kernel crate's `SpinLockIrq` guards one value that its guard lends out.
//! The locks here guard lists that thread through other objects and bits inside
//! fences, and are taken by code that is not generic over either.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::bindings;
use kernel::{
    prelude::*,
    str::CStrExt,
    sync::LockClassKey,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// A `spinlock_t` that is always taken with interrupts off.
///
/// # Invariants
///
/// `inner` is initialised and pinned.
#[pin_data]
#[repr(transparent)]
pub(crate) struct IrqLock {
    #[pin]
    inner: Opaque<bindings::spinlock_t>,
}

// SAFETY: A spinlock may be taken, and freed, on any CPU.
unsafe impl Send for IrqLock {}
// SAFETY: As above; it exists to be shared.
unsafe impl Sync for IrqLock {}

impl IrqLock {
    /// Makes a lock of the class that `key` stands for.
    pub(crate) fn new(
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        // INVARIANT: The closure initialises the lock, and a `PinInit` is only
        // run on memory that stays where it is.
        pin_init!(Self {
            inner <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes, `name` and `key` live for
                // ever.
                unsafe {
                    bindings::__spin_lock_init(slot, name.as_char_ptr(), key.as_ptr())
                }
            }),
        })
    }

    /// Takes the lock, with interrupts off on this CPU until the guard goes.
    ///
    /// Any context.
    #[inline]
    pub(crate) fn lock(&self) -> IrqGuard<'_> {
        // SAFETY: By the type invariant the lock is initialised.
        let flags = unsafe { bindings::dma_buf_rs_spin_lock_irqsave(self.inner.get()) };

        IrqGuard {
            lock: self,
            flags,
            _not_send: NotThreadSafe,
        }
    }
}

/// Evidence that an [`IrqLock`] is held.
pub(crate) struct IrqGuard<'a> {
    lock: &'a IrqLock,
    flags: usize,
    _not_send: NotThreadSafe,
}

impl Drop for IrqGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The guard exists, so this context holds the lock, taken with
        // these flags.
        unsafe {
            bindings::dma_buf_rs_spin_unlock_irqrestore(self.lock.inner.get(), self.flags)
        };
    }
}
