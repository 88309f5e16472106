// SPDX-License-Identifier: GPL-2.0

//! An irq-safe spinlock.
//!
//! The kernel crate's `SpinLockIrq` counts how often interrupts have been switched off, and both
//! locks that a fence's life takes would.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::{
    bindings,
    reader::IrqReader, //
};
use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    }, //
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

/// A `spinlock_t` that is always taken with interrupts off, and what it protects.
///
/// # Invariants
///
/// `inner` is initialised and pinned. `data` is only used by who holds it.
#[pin_data]
pub(crate) struct IrqLock<T = ()> {
    #[pin]
    inner: Opaque<bindings::spinlock_t>,
    data: UnsafeCell<T>,
}

// SAFETY: A spinlock may be taken, and freed, on any CPU.
unsafe impl<T: Send> Send for IrqLock<T> {}
// SAFETY: As above; it lends its data to one at a time.
unsafe impl<T: Send> Sync for IrqLock<T> {}

impl<T> IrqLock<T> {
    /// Makes a lock of a class, see [`irq_lock_class!`].
    pub(crate) fn new(class: &'static IrqLockClass, data: T) -> impl PinInit<Self> {
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
            data: UnsafeCell::new(data),
        })
    }

    /// Takes the lock, with interrupts off on this CPU until the guard goes.
    ///
    /// Any context.
    #[inline]
    pub(crate) fn lock(&self) -> IrqGuard<'_, T> {
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
    pub(crate) fn lock_in(&self, reader: IrqReader) -> IrqGuard<'_, T> {
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

    /// Takes the lock inside another one, which has switched interrupts off.
    #[inline]
    pub(crate) fn lock_with<'a, U>(&'a self, _outer: &'a IrqGuard<'_, U>) -> InnerGuard<'a, T> {
        // SAFETY: By the type invariant the lock is initialised, and interrupts are off.
        unsafe { bindings::spin_lock(self.inner.get()) };
        InnerGuard {
            lock: self,
            _not_send: NotThreadSafe,
        }
    }
}

/// An [`IrqLock`] that is held, with interrupts off.
pub(crate) struct IrqGuard<'a, T = ()> {
    lock: &'a IrqLock<T>,
    flags: usize,
    _not_send: NotThreadSafe,
    /// Ends after the lock has been let go.
    #[cfg(CONFIG_PREEMPT_RT)]
    _reader: Option<IrqReader>,
}

/// An [`IrqLock`] that is held inside another one.
pub(crate) struct InnerGuard<'a, T> {
    lock: &'a IrqLock<T>,
    _not_send: NotThreadSafe,
}

impl<T> Deref for IrqGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: The guard exists, so this context holds the lock.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for IrqGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As above.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Deref for InnerGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: The guard exists, so this context holds the lock.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for InnerGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As above.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for IrqGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The guard exists, so this context holds the lock, taken with
        // these flags.
        unsafe { bindings::dma_buf_rs_spin_unlock_irqrestore(self.lock.inner.get(), self.flags) };
    }
}

impl<T> Drop for InnerGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The guard exists, so this context holds the lock.
        unsafe { bindings::spin_unlock(self.lock.inner.get()) };
    }
}
