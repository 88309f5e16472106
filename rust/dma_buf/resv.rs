// SPDX-License-Identifier: GPL-2.0

//! Reservation objects: the fences of a buffer, and its lock.
//!
//! Whoever has work done on a buffer adds the work's fence to the buffer's
//! reservation object, and says with a [`Usage`] what the work does to it;
//! whoever is about to use the buffer waits for the fences that concern it. So
//! drivers that know nothing of each other take turns.
//!
//! | | Needs the lock | Of |
//! |---|---|---|
//! | adding fences, replacing, copying, listing them exactly | yes | [`ResvLocked`]: a [`ResvGuard`], a member of a [`LockedSet`] |
//! | asking whether they have signalled, waiting, a list of a moment | no | [`Resv`] |
//!
//! # From the lock to the fence
//!
//! ```text
//!  handle --lock--> ResvGuard --reserve(n)?--> Slots --next--> Slot --add(fence, usage)
//!    ^                  |        may sleep,       |      each    cannot fail
//!    +-----unlock-------+        may fail         +------------- n times
//! ```
//!
//! Memory is reserved before a job is committed, and its fence added after, when
//! nothing may fail any more. A slot borrows the guard, so there is none without
//! the lock, and while there are slots nothing else can be done to the list that
//! they are in.
//!
//! Several objects at once are locked by a [`ResvSet`], in whatever order.
//!
//! # Lifetime
//!
//! A guard keeps the object that it locks, by owning a handle to it, and the task that
//! has it locked, as others who want the lock look at both: forgotten, it leaves the
//! object locked for ever, in memory that stays. [`Resv::with_lock`] cannot be forgotten,
//! needs neither, and so is the cheaper way.
//!
//! # In a signalling section
//!
//! Locking a reservation object is what whoever waits for a fence may have done, so
//! it is forbidden where a fence is being signalled, and lockdep reports it there.
//! Waiting for fences with the lock held is allowed.
//!
//! C header: [`include/linux/dma-resv.h`](srctree/include/linux/dma-resv.h)

mod guard;
mod handle;
mod iter;
mod locked;
mod query;
mod set;
mod slots;
mod usage;

pub use guard::ResvGuard;
pub use handle::{
    HasResv,
    ResvHandle, //
};
pub use iter::{
    Fences,
    FencesUnlocked, //
};
pub use locked::{
    LockedResv,
    ResvLocked, //
};
pub use set::{
    LockedSet,
    ResvSet,
    SetSlots,
    MAX_RESV_SET, //
};
pub use slots::{
    Slot,
    Slots,
    MAX_RESV_FENCES, //
};
pub use usage::Usage;

use crate::bindings;
use core::ptr::null_mut;
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// A reservation object.
///
/// One of a driver's own is a field of its buffer, which says where by
/// [`HasResv`]; that of another driver's buffer comes from a
/// [`DmaBuf`](crate::DmaBuf). What can be asked of it without its lock is here; the
/// rest is [`ResvLocked`]'s.
///
/// # Examples
///
/// ```
/// use dma_buf::{HasResv, Leaf, Resv, ResvGuard, ResvLocked, Usage};
/// use kernel::{prelude::*, sync::Arc};
///
/// #[pin_data]
/// struct Buffer {
///     #[pin]
///     resv: Resv,
/// }
///
/// impl HasResv for Buffer {
///     fn resv(&self) -> &Resv {
///         &self.resv
///     }
/// }
///
/// let buffer = Arc::pin_init(pin_init!(Buffer { resv <- Resv::new() }), GFP_KERNEL)?;
///
/// let mut guard = ResvGuard::lock(buffer.clone());
/// // May fail, so it comes before the job is committed.
/// let slot = guard.reserve_one()?;
/// // Cannot fail: after it is.
/// slot.add(&Leaf::stub(), Usage::Write);
/// drop(guard);
///
/// assert!(buffer.resv().test_signaled(Usage::Read));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// It is initialised, and in memory for as long as it can be seen here, or is
/// locked.
#[repr(transparent)]
#[pin_data(PinnedDrop)]
pub struct Resv {
    #[pin]
    inner: Opaque<bindings::dma_resv>,
}

// SAFETY: A reservation object may be used, and given up, on any CPU.
unsafe impl Send for Resv {}
// SAFETY: As above: the C API takes care of its own locking, and what needs the
// lock is a guard's.
unsafe impl Sync for Resv {}

impl Resv {
    /// A reservation object without fences.
    ///
    /// Context: any.
    ///
    /// C function: `dma_resv_init()`
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The memory is valid for it, and pinned.
            inner <- Opaque::ffi_init(|slot| unsafe { bindings::dma_resv_init(slot) }),
        })
    }

    /// The C side of the object.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::dma_resv {
        self.inner.get()
    }

    /// Borrows a reservation object of the C side.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` points to an initialised reservation object.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::dma_resv) -> &'a Resv {
        // SAFETY: By the function's contract, and the layout is the same.
        unsafe { &*ptr.cast() }
    }

    /// Whether somebody holds the lock; by the time that this returns, it may be
    /// otherwise.
    ///
    /// Context: any.
    ///
    /// C function: `dma_resv_is_locked()`
    #[inline]
    pub fn is_locked(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::dma_buf_rs_dma_resv_is_locked(self.as_raw()) }
    }

    /// Runs `f` with the lock held.
    ///
    /// Process context, may sleep; not in a signalling section, and with no other
    /// reservation object locked.
    ///
    /// C functions: `dma_resv_lock()`, `dma_resv_unlock()`
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{Leaf, Resv, ResvLocked, Usage};
    /// use kernel::prelude::*;
    ///
    /// fn attach(resv: &Resv, job: &Leaf) -> Result {
    ///     resv.with_lock(|resv| {
    ///         resv.reserve_one()?.add(job, Usage::Write);
    ///         Ok(())
    ///     })
    /// }
    /// # use kernel::sync::Arc;
    /// # attach(&*Arc::pin_init(Resv::new(), GFP_KERNEL)?, &Leaf::stub())?;
    /// # Ok::<(), Error>(())
    /// ```
    #[inline]
    pub fn with_lock<R>(&self, f: impl FnOnce(&mut LockedResv<'_>) -> R) -> R {
        // SAFETY: The object is valid. Without a context it cannot fail.
        unsafe { bindings::dma_buf_rs_dma_resv_lock(self.as_raw(), null_mut()) };
        // SAFETY: It is locked.
        unsafe { self.and_unlock(f) }
    }

    /// [`Self::with_lock`], unless a signal comes for the task before; then it fails with
    /// `EINTR`.
    ///
    /// C functions: `dma_resv_lock_interruptible()`, `dma_resv_unlock()`
    #[inline]
    pub fn with_lock_interruptible<R>(
        &self,
        f: impl FnOnce(&mut LockedResv<'_>) -> R,
    ) -> Result<R> {
        // SAFETY: The object is valid.
        to_result(unsafe {
            bindings::dma_buf_rs_dma_resv_lock_interruptible(self.as_raw(), null_mut())
        })?;
        // SAFETY: It is locked.
        Ok(unsafe { self.and_unlock(f) })
    }

    /// [`Self::with_lock`], if nobody holds it. Does not sleep for it: also with other
    /// reservation objects locked.
    ///
    /// C functions: `dma_resv_trylock()`, `dma_resv_unlock()`
    #[inline]
    pub fn with_try_lock<R>(&self, f: impl FnOnce(&mut LockedResv<'_>) -> R) -> Option<R> {
        // SAFETY: The object is valid.
        if !unsafe { bindings::dma_buf_rs_dma_resv_trylock(self.as_raw()) } {
            return None;
        }
        // SAFETY: It is locked.
        Some(unsafe { self.and_unlock(f) })
    }

    /// # Safety
    ///
    /// The current task has just locked the object.
    #[inline]
    unsafe fn and_unlock<R>(&self, f: impl FnOnce(&mut LockedResv<'_>) -> R) -> R {
        // SAFETY: By the function's contract; what `f` is lent ends with it.
        let result = f(&mut unsafe { LockedResv::new(self) });

        // SAFETY: As above; that is given up once.
        unsafe { bindings::dma_buf_rs_dma_resv_unlock(self.as_raw()) };
        result
    }

    /// Takes the lock for held, as it is in functions that C calls with it.
    ///
    /// # Safety
    ///
    /// For as long as this is borrowed, the current task holds the lock; there are
    /// neither slots that somebody else has reserved, nor a walk over the locked list.
    #[inline]
    pub unsafe fn assume_locked(&self) -> LockedResv<'_> {
        // SAFETY: By the function's contract.
        unsafe { LockedResv::new(self) }
    }
}

#[pinned_drop]
impl PinnedDrop for Resv {
    /// Drops the references to the fences.
    ///
    /// Context: any, but never with a fence's lock held.
    ///
    /// C function: `dma_resv_fini()`
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant. Nobody has it locked: a guard owns a handle to
        // it, and without handles there is no guard, forgotten or not; a closure that
        // has it locked borrows it.
        unsafe { bindings::dma_resv_fini(self.as_raw()) };
    }
}
