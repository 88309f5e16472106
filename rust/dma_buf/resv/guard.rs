// SPDX-License-Identifier: GPL-2.0

//! The lock of a reservation object, held.

use super::{
    iter::Fences,
    slots::{
        self,
        Slot,
        Slots, //
    },
    Resv,
    ResvHandle,
    Usage, //
};
use crate::{
    bindings,
    fence::Leaf, //
};
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr, //
};
use kernel::{
    error::to_result,
    prelude::*,
    seq_file::SeqFile,
    types::NotThreadSafe, //
};

mod sealed {
    use super::Resv;

    /// # Safety
    ///
    /// As long as there is one, the current task holds the lock of the object that
    /// [`Self::parts`] returns, always the same, and this is the only one that stands
    /// for it. It is neither `Send` nor `Sync`.
    pub unsafe trait Locked {
        /// The object, and how many slots may be reserved without looking.
        fn parts(&mut self) -> (&Resv, &mut usize);

        /// The object.
        fn locked(&self) -> &Resv;
    }
}
pub(super) use sealed::Locked;

/// What can be done with a reservation object whose lock is held.
///
/// By a [`ResvGuard`], and by a [`LockedResv`], which is a member of a
/// [`LockedSet`](super::LockedSet).
pub trait ResvLocked: Locked {
    /// Reserves room for so many fences beside those that are there.
    ///
    /// Process context, may sleep. Fails with `EINVAL` for none, `E2BIG` if the object
    /// would hold more than [`MAX_RESV_FENCES`](super::MAX_RESV_FENCES), `ENOMEM`.
    ///
    /// C function: `dma_resv_reserve_fences()`
    #[inline]
    fn reserve(&mut self, count: usize) -> Result<Slots<'_>> {
        let (resv, room) = self.parts();

        // SAFETY: The lock is held, and slots would borrow this.
        unsafe {
            slots::reserve(resv, room, count)?;
            Ok(Slots::new(resv, count))
        }
    }

    /// [`Self::reserve`] for one fence.
    #[inline]
    fn reserve_one(&mut self) -> Result<Slot<'_>> {
        let (resv, room) = self.parts();

        // SAFETY: As above.
        unsafe {
            slots::reserve(resv, room, 1)?;
            Ok(Slot::new(resv))
        }
    }

    /// The fences of this usage, or one before it, and their usages.
    ///
    /// Signalled ones may be among them. Context: any in which the lock can be held.
    ///
    /// C functions: `dma_resv_iter_begin()`, `dma_resv_for_each_fence()`
    #[inline]
    fn fences(&self, usage: Usage) -> Fences<'_> {
        // SAFETY: The lock is held, and as this is borrowed, nobody changes the list.
        unsafe { Fences::new(self.locked(), usage) }
    }

    /// Adds all pending fences of another object, each with its usage; of a container,
    /// which a foreign driver may have put there, the leaves.
    ///
    /// Unlike in C what is there already stays, as others may rely on it. The other
    /// object need not be locked, and may change meanwhile: what is copied was there at
    /// one moment.
    ///
    /// Process context, may sleep. Fails as [`Self::reserve`] and
    /// [`Leaves::collect`](crate::Leaves::collect) do, and adds nothing then.
    ///
    /// C function: `dma_resv_copy_fences()`
    fn copy_fences(&mut self, from: &Resv) -> Result {
        let fences = from.pending_leaves()?;

        if fences.is_empty() {
            return Ok(());
        }
        for (slot, (leaf, usage)) in self.reserve(fences.len())?.zip(&fences) {
            slot.add(leaf, *usage);
        }
        Ok(())
    }

    /// Puts a fence in the place of all those of a context, and says of how many.
    ///
    /// Only right if the work that these stood for cannot touch the buffer any more
    /// once the new fence has signalled: a preemption fence may be replaced by the
    /// update of the page tables that takes the buffer away.
    ///
    /// Fails with `EINVAL`, and changes nothing, if one of them has a usage that comes
    /// before the new one: who waits for it would not be made to wait any more.
    ///
    /// Context: any in which the lock can be held; never with a fence's lock held.
    ///
    /// C function: `dma_resv_replace_fences()`
    fn replace_fences(&mut self, context: u64, replacement: &Leaf, usage: Usage) -> Result<usize> {
        let mut count = 0;

        for (fence, old) in self.fences(Usage::Bookkeep) {
            if fence.context() == context {
                if old < usage {
                    return Err(EINVAL);
                }
                count += 1;
            }
        }
        // SAFETY: The lock is held, and there are no slots, as they would borrow this.
        // The fence is valid, and no container.
        unsafe {
            bindings::dma_resv_replace_fences(
                self.locked().as_raw(),
                context,
                replacement.as_raw(),
                usage.as_raw(),
            )
        };
        Ok(count)
    }

    /// Prints the fences into a file, a line each, but for those of mere bookkeeping.
    ///
    /// Asks drivers as [`Fence::is_signaled`](crate::Fence::is_signaled) does. Context:
    /// any in which the lock can be held; never with a fence's lock held.
    ///
    /// C function: `dma_resv_describe()`
    fn describe(&self, seq: &SeqFile) {
        let seq = ptr::from_ref(seq).cast_mut().cast();

        // SAFETY: The lock is held. A `SeqFile` is laid out as a `seq_file`.
        unsafe { bindings::dma_resv_describe(self.locked().as_raw(), seq) }
    }
}

impl<T: Locked> ResvLocked for T {}

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
    room: usize,
    handle: H,
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
            room: 0,
            handle,
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
        // once, and the handle, which keeps the object until then, moved out once.
        unsafe {
            bindings::dma_buf_rs_dma_resv_unlock(this.resv.as_ptr().cast());
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
    fn parts(&mut self) -> (&Resv, &mut usize) {
        // SAFETY: The handle keeps the object, and is not dropped while this is borrowed.
        (unsafe { self.resv.as_ref() }, &mut self.room)
    }

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
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the handle is dropped after this.
        unsafe { bindings::dma_buf_rs_dma_resv_unlock(self.resv.as_ptr().cast()) };
    }
}

/// A reservation object whose lock is held by somebody further out: by a
/// [`LockedSet`](super::LockedSet), or by C ([`Resv::assume_locked`]).
///
/// # Invariants
///
/// For `'a`, the current task holds the object's lock, and nothing else stands for
/// that.
pub struct LockedResv<'a> {
    resv: &'a Resv,
    room: usize,
    _not_send: NotThreadSafe,
}

impl<'a> LockedResv<'a> {
    /// # Safety
    ///
    /// The type's invariants hold.
    #[inline]
    pub(super) unsafe fn new(resv: &'a Resv) -> Self {
        // INVARIANT: By the function's contract.
        Self {
            resv,
            room: 0,
            _not_send: NotThreadSafe,
        }
    }
}

// SAFETY: By the type invariant.
unsafe impl Locked for LockedResv<'_> {
    #[inline]
    fn parts(&mut self) -> (&Resv, &mut usize) {
        (self.resv, &mut self.room)
    }

    #[inline]
    fn locked(&self) -> &Resv {
        self.resv
    }
}

impl Deref for LockedResv<'_> {
    type Target = Resv;

    #[inline]
    fn deref(&self) -> &Resv {
        self.resv
    }
}
