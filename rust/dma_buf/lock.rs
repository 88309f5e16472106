// SPDX-License-Identifier: GPL-2.0

//! An irq-safe spinlock around no data.
//!
//! The kernel crate's `SpinLockIrq` guards one value that its guard lends out.
//! The locks here guard lists that thread through other objects and bits inside
//! fences, and are taken by code that is not generic over either.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::{
    bindings,
    reader::IrqReader, //
};
use kernel::{
    prelude::*,
    str::CStrExt,
    sync::LockClassKey,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// A lock class: what lockdep calls the lock, and its key.
///
/// A static item: lockdep compares names by address, and drops a class when the
/// memory of its name or key goes. A literal where the lock is made would be
/// another one, in another module, wherever the making is inlined.
pub(crate) struct IrqLockClass {
    name: &'static CStr,
    key: LockClassKey,
}

impl IrqLockClass {
    /// # Safety
    ///
    /// The result must be a static item.
    pub(crate) const unsafe fn new(name: &'static CStr) -> Self {
        Self {
            name,
            // SAFETY: By the function's contract it is static, and so never
            // dropped.
            key: unsafe { LockClassKey::new_static() },
        }
    }
}

impl IrqLockClass {
    /// The name, for the kernel crate's locks.
    pub(crate) fn name(&'static self) -> &'static CStr {
        self.name
    }

    /// The key, for the kernel crate's locks.
    pub(crate) fn key(&'static self) -> Pin<&'static LockClassKey> {
        Pin::static_ref(&self.key)
    }
}

/// The [`IrqLockClass`] of this place, named so.
macro_rules! irq_lock_class {
    ($name:literal) => {{
        static CLASS: $crate::lock::IrqLockClass =
            // SAFETY: It is a static item.
            unsafe { $crate::lock::IrqLockClass::new($name) };

        &CLASS
    }};
}
pub(crate) use irq_lock_class;

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
    /// Makes a lock of a class, see [`irq_lock_class!`].
    pub(crate) fn new(class: &'static IrqLockClass) -> impl PinInit<Self> {
        // INVARIANT: The closure initialises the lock, and a `PinInit` is only
        // run on memory that stays where it is.
        pin_init!(Self {
            inner <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes. The class is static, so name
                // and key live as long as this module.
                unsafe {
                    bindings::__spin_lock_init(
                        slot,
                        class.name.as_char_ptr(),
                        class.key.as_ptr(),
                    )
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
            #[cfg(CONFIG_PREEMPT_RT)]
            _reader: None,
        }
    }

    /// Takes the lock, in an RCU read-side section that has begun and that lasts
    /// until the guard goes.
    ///
    /// Any context.
    #[inline]
    pub(crate) fn lock_in(&self, reader: IrqReader) -> IrqGuard<'_> {
        #[cfg(not(CONFIG_PREEMPT_RT))]
        {
            // The guard switches interrupts on again.
            let flags = reader.into_flags();

            // SAFETY: By the type invariant the lock is initialised, and
            // interrupts are off.
            unsafe { bindings::spin_lock(self.inner.get()) };
            IrqGuard {
                lock: self,
                flags,
                _not_send: NotThreadSafe,
            }
        }
        #[cfg(CONFIG_PREEMPT_RT)]
        {
            let mut guard = self.lock();

            guard._reader = Some(reader);
            guard
        }
    }
}

/// Evidence that an [`IrqLock`] is held.
pub(crate) struct IrqGuard<'a> {
    lock: &'a IrqLock,
    flags: usize,
    _not_send: NotThreadSafe,
    /// Ends after the lock has been let go.
    #[cfg(CONFIG_PREEMPT_RT)]
    _reader: Option<IrqReader>,
}

impl Drop for IrqGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The guard exists, so this context holds the lock, taken with
        // these flags.
        unsafe { bindings::dma_buf_rs_spin_unlock_irqrestore(self.lock.inner.get(), self.flags) };
    }
}
