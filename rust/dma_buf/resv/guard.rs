// SPDX-License-Identifier: GPL-2.0

//! The lock of one reservation object.

use super::{
    locked::Locked,
    Resv,
    ResvHandle, //
};
use crate::bindings;
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef,
    task::Task,
    types::NotThreadSafe, //
};

/// The lock of one reservation object.
///
/// For several at a time there is [`ResvSet`](super::ResvSet): whoever locks a second
/// object by a guard of its own may wait for somebody who waits for the first.
///
/// Dropped, it unlocks; forgotten, the object stays locked for ever.
///
/// # Examples
///
/// ```
/// use dma_buf::{Leaf, Resv, ResvGuard, ResvLocked, Usage};
/// use kernel::{prelude::*, sync::Arc};
///
/// let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
/// let mut guard = ResvGuard::lock(resv.clone());
///
/// assert!(ResvGuard::try_lock(resv).is_err());
/// guard.reserve_one()?.add(&Leaf::stub(), Usage::Read);
/// assert_eq!(guard.fences(Usage::Read).count(), 1);
/// assert_eq!(guard.fences(Usage::Write).count(), 0);
///
/// // The handle comes back.
/// let resv = guard.unlock();
/// assert!(!resv.is_locked());
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// The current task holds the lock of the object at `resv`, which is that of
/// `handle`, and whose lock this has the right to give up.
#[must_use = "dropped, it unlocks at once"]
pub struct ResvGuard<H: ResvHandle> {
    /// Asked once: a handle may give another each time.
    resv: ptr::NonNull<Resv>,
    handle: H,
    /// Who has it locked: others look at the task, also when it has ended.
    task: ARef<Task>,
    _not_send: NotThreadSafe,
}

impl<H: ResvHandle> ResvGuard<H> {
    /// Locks the object that this handle keeps.
    ///
    /// Process context, may sleep; not in a signalling section, and with no other
    /// reservation object locked.
    ///
    /// C function: `dma_resv_lock()`
    #[inline]
    pub fn lock(handle: H) -> Self {
        let resv = ptr::NonNull::from(handle.resv());

        // SAFETY: The object is valid. Without a context it cannot fail.
        unsafe { bindings::dma_buf_rs_dma_resv_lock(resv.as_ptr().cast(), ptr::null_mut()) };
        // SAFETY: It is locked, and the handle's.
        unsafe { Self::new(resv, handle) }
    }

    /// [`Self::lock`], until a signal comes for the task; then it fails with `EINTR`.
    ///
    /// C function: `dma_resv_lock_interruptible()`
    #[inline]
    pub fn lock_interruptible(handle: H) -> Result<Self> {
        let resv = ptr::NonNull::from(handle.resv());
        let context = ptr::null_mut();

        // SAFETY: The object is valid.
        to_result(unsafe {
            bindings::dma_buf_rs_dma_resv_lock_interruptible(resv.as_ptr().cast(), context)
        })?;
        // SAFETY: It is locked, and the handle's.
        Ok(unsafe { Self::new(resv, handle) })
    }

    /// Locks the object if nobody has it locked; gives back the handle otherwise.
    ///
    /// Process context, does not sleep: also with other reservation objects locked.
    ///
    /// C function: `dma_resv_trylock()`
    #[inline]
    pub fn try_lock(handle: H) -> Result<Self, H> {
        let resv = ptr::NonNull::from(handle.resv());

        // SAFETY: The object is valid.
        if !unsafe { bindings::dma_buf_rs_dma_resv_trylock(resv.as_ptr().cast()) } {
            return Err(handle);
        }
        // SAFETY: It is locked, and the handle's.
        Ok(unsafe { Self::new(resv, handle) })
    }

    /// # Safety
    ///
    /// The current task has just locked the object, which `handle` has returned.
    #[inline]
    unsafe fn new(resv: ptr::NonNull<Resv>, handle: H) -> Self {
        // INVARIANT: By the function's contract.
        Self {
            resv,
            handle,
            task: ARef::from(&**kernel::current!()),
            _not_send: NotThreadSafe,
        }
    }

    /// Unlocks the object, and gives back the handle.
    ///
    /// C function: `dma_resv_unlock()`
    #[inline]
    pub fn unlock(self) -> H {
        let this = ManuallyDrop::new(self);

        // SAFETY: By the type invariant; `this` is not dropped, so the lock is given up
        // once, and the handle, which keeps the object until then, moved out once, as the
        // task is.
        unsafe {
            bindings::dma_buf_rs_dma_resv_unlock(this.resv.as_ptr().cast());
            drop(ptr::read(&this.task));
            ptr::read(&this.handle)
        }
    }

    /// The handle that keeps the object.
    #[inline]
    pub fn handle(&self) -> &H {
        &self.handle
    }
}

// SAFETY: By the type invariant.
unsafe impl<H: ResvHandle> Locked for ResvGuard<H> {
    #[inline]
    fn locked(&self) -> &Resv {
        self
    }
}

impl<H: ResvHandle> Deref for ResvGuard<H> {
    type Target = Resv;

    #[inline]
    fn deref(&self) -> &Resv {
        // SAFETY: The handle keeps the object, and is not dropped while this is borrowed.
        unsafe { self.resv.as_ref() }
    }
}

impl<H: ResvHandle> Drop for ResvGuard<H> {
    /// Context: that of locking.
    ///
    /// C function: `dma_resv_unlock()`
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the handle is dropped after this.
        unsafe { bindings::dma_buf_rs_dma_resv_unlock(self.resv.as_ptr().cast()) };
    }
}
