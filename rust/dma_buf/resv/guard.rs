// SPDX-License-Identifier: GPL-2.0

//! The lock of one reservation object, and the operations that need it.

use super::{
    Resv,
    ResvHandle,
    ResvIter,
    ResvUsage, //
};
use crate::{
    bindings,
    fence::{
        FenceKind,
        Leaf, //
    },
    unwrap::UnwrappedFence, //
};
use core::{
    mem::ManuallyDrop,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    error::to_result,
    ffi::c_void,
    prelude::*,
    seq_file::SeqFile,
    sync::aref::ARef,
    task::Task,
    types::NotThreadSafe, //
};

/// The highest number of slots that are reserved at a time. Adding a fence takes time linear in the
/// number of fences that are there.
const MAX_SLOTS: usize = 4096;

/// The highest number of pending fences, reserved slots included, in an object to which fences are
/// added. The kernel doubles its list when that is full, and warns of more than 4 MiB.
const MAX_PENDING: usize = 2 * MAX_SLOTS;

/// The size of a list with room for [`MAX_PENDING`] fences, in bytes. The fences of a shorter list
/// are not counted.
const LONG_LIST: usize = MAX_PENDING * size_of::<*const ()>();

/// The size of the longest list that fences are added to, in bytes.
const MAX_LIST: usize = 1 << 20;

/// A reservation object whose lock the current task holds.
///
/// Borrowed from a [`ResvGuard`], a [`ResvSetGuard`](super::ResvSetGuard), a closure of
/// [`Resv::with_lock`], or from C by [`Resv::assume_locked`]. A mutable borrow is the right to
/// change the list of fences.
///
/// # Invariants
///
/// For as long as it is borrowed, the current task holds the lock of `resv`. While it is borrowed
/// mutably, no other value stands for that lock.
#[repr(C)]
pub struct LockedResv {
    resv: Resv,
    /// The task that has locked the object has to unlock it.
    _not_send: NotThreadSafe,
    /// Unsized, so that `mem::swap()` cannot exchange two objects behind their guards.
    _unsized: [()],
}

impl Resv {
    /// Uses an object that C has locked, for example in a function that C calls with the lock held.
    ///
    /// Context: any.
    ///
    /// # Safety
    ///
    /// For as long as the result is borrowed, the current task holds the lock. There are neither
    /// slots in the object nor walks over its locked list.
    #[expect(clippy::mut_from_ref, reason = "the lock makes the borrow unique")]
    #[inline]
    pub unsafe fn assume_locked(&self) -> &mut LockedResv {
        // INVARIANT: By the function's contract.
        // SAFETY: A `LockedResv` is a `Resv` with nothing behind it, and a `Resv` is an `Opaque`,
        // of which mutable borrows need not be unique.
        unsafe { &mut *LockedResv::from_resv(NonNull::from(self)) }
    }
}

impl LockedResv {
    #[inline]
    pub(super) fn from_resv(resv: NonNull<Resv>) -> *mut Self {
        ptr::slice_from_raw_parts_mut::<()>(resv.as_ptr().cast(), 0) as *mut Self
    }

    /// Reserves room for `count` fences in addition to those that are pending.
    ///
    /// Slots that are not used are given back. Using one takes time linear in the number of fences
    /// in the object. Fails with `EINVAL` if `count` is 0, `E2BIG` if it is more than 4096, or if
    /// there were more than 8192 pending fences with these, and `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_resv_reserve_fences()`
    ///
    /// See [`ResvGuard`] for an example.
    #[inline]
    pub fn reserve(&mut self, count: usize) -> Result<ResvSlots<'_>> {
        self.reserve_raw(count)?;
        // INVARIANT: The room is there. `self` is borrowed, so nothing else uses it.
        Ok(ResvSlots {
            resv: self,
            remaining: count,
            _not_send: NotThreadSafe,
        })
    }

    /// Reserves room for one fence, as [`Self::reserve`] does.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_resv_reserve_fences()`
    #[inline]
    pub fn reserve_one(&mut self) -> Result<ResvSlot<'_>> {
        self.reserve_raw(1)?;
        // SAFETY: The room is there. `self` is borrowed, so nothing else uses it.
        Ok(unsafe { ResvSlot::new(self) })
    }

    /// Reserves room that lasts until the list changes or the object is unlocked.
    #[inline]
    pub(super) fn reserve_raw(&mut self, count: usize) -> Result {
        if count.wrapping_sub(1) >= MAX_SLOTS {
            return Err(if count == 0 { EINVAL } else { E2BIG });
        }
        // SAFETY: By the type invariant the lock is held, so the pointer does not change.
        let list = unsafe { (*self.as_raw()).fences };

        // The size of a long list is a power of two, to which `kmalloc()` aligns it. Few shorter
        // ones start at a multiple of that. Asking for the size each time would take 42
        // instructions, where all of this takes 115, and 111 in C.
        if list.addr() % LONG_LIST == 0 {
            self.check_length(list.cast(), count)?;
        }
        // SAFETY: By the type invariant the lock is held. `count` is neither 0 nor so large that
        // the sum of it and the number of fences, or twice the size of the list, overflows.
        match unsafe { bindings::dma_resv_reserve_fences(self.as_raw(), count as u32) } {
            0 => Ok(()),
            error => Err(Error::from_errno(error)),
        }
    }

    /// Fails with `E2BIG` if there are too many fences to add `count` more.
    #[cold]
    fn check_length(&self, list: *const c_void, count: usize) -> Result {
        // SAFETY: The list is null, or from `kmalloc()`. It stays, as the lock is held.
        let size = unsafe { bindings::dma_buf_rs_ksize(list) };

        if size < LONG_LIST {
            return Ok(());
        }
        let pending = self
            .fences(ResvUsage::Bookkeep)
            .filter(|(fence, _)| !fence.test_signaled_flag())
            .count();

        if size > MAX_LIST || pending + count > MAX_PENDING {
            return Err(E2BIG);
        }
        Ok(())
    }

    /// Adds a fence that exists already: itself, or its leaves if it is an array. Fails as
    /// [`Self::reserve`] does, for [`UnwrappedFence::leaf_count`] fences, and adds none then.
    ///
    /// Context: process; may sleep. No fence lock held.
    ///
    /// C functions: `dma_resv_reserve_fences()`, `dma_resv_add_fence()`
    pub fn add_leaves(&mut self, fence: &UnwrappedFence, usage: ResvUsage) -> Result {
        let count = fence.leaf_count();

        // An array of a foreign driver may have no members.
        if count == 0 {
            return Ok(());
        }
        for (slot, leaf) in self.reserve(count)?.zip(fence.iter()) {
            slot.add(leaf, usage);
        }
        Ok(())
    }

    /// Adds all pending fences of another object, each with its usage.
    ///
    /// If a foreign driver has added a container there, its leaves are added. In contrast to the C
    /// function the fences that are here already stay, as others may rely on them. The other
    /// object need not be locked, and may change meanwhile: the fences are those of one moment.
    /// Fails as [`Self::reserve`] and [`UnwrapIter::next`](crate::unwrap::UnwrapIter::next) do, and
    /// adds none then.
    ///
    /// Context: process; may sleep. No fence lock held.
    ///
    /// C function: `dma_resv_copy_fences()`
    pub fn add_fences_from(&mut self, from: &Resv) -> Result {
        let fences = from.snapshot(ResvUsage::Bookkeep, |fence, usage| (fence, usage))?;
        let mut found = KVec::new();

        for (fence, usage) in &fences {
            let mut leaves = fence.leaves();

            while let Some(leaf) = leaves.next()? {
                if found.len() == MAX_SLOTS {
                    return Err(E2BIG);
                }
                found.push((ARef::<Leaf>::from(leaf), *usage), GFP_KERNEL)?;
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        for (slot, (leaf, usage)) in self.reserve(found.len())?.zip(&found) {
            slot.add(leaf, *usage);
        }
        Ok(())
    }

    /// Iterates over the fences of `usage` and stronger usages. Some may have signalled.
    ///
    /// Context: process.
    ///
    /// C functions: `dma_resv_iter_begin()`, `dma_resv_for_each_fence()`
    #[inline]
    pub fn fences(&self, usage: ResvUsage) -> ResvIter<'_> {
        ResvIter::new(self, usage)
    }

    /// Replaces all fences of `context` by `replacement`. Returns their number.
    ///
    /// This is right only if the work of the old fences cannot touch the buffer any more once the
    /// replacement has signalled, as with a preemption fence and the fence of the page table update
    /// that unmaps the buffer. Fails with `EINVAL`, and changes nothing, if an old fence has a
    /// stronger usage than the new one: a task that waits for the old usage would miss the
    /// replacement.
    ///
    /// Context: process; no fence lock held.
    ///
    /// C function: `dma_resv_replace_fences()`
    pub fn replace_fences(
        &mut self,
        context: u64,
        replacement: &Leaf,
        usage: ResvUsage,
    ) -> Result<usize> {
        let mut count = 0;

        for (fence, old) in self.fences(ResvUsage::Bookkeep) {
            if fence.context() == context {
                if old < usage {
                    return Err(EINVAL);
                }
                count += 1;
            }
        }
        // SAFETY: By the type invariant the lock is held. The fence is valid, and not a container.
        unsafe {
            bindings::dma_resv_replace_fences(
                self.as_raw(),
                context,
                replacement.as_raw(),
                usage.as_raw(),
            )
        };
        Ok(count)
    }

    /// Prints a line for each fence that is not mere bookkeeping.
    ///
    /// Context: process; no fence lock held.
    ///
    /// C function: `dma_resv_describe()`
    pub fn describe(&self, seq: &SeqFile) {
        let seq = ptr::from_ref(seq).cast_mut().cast();

        // SAFETY: By the type invariant the lock is held. A `SeqFile` wraps a `seq_file`.
        unsafe { bindings::dma_resv_describe(self.as_raw(), seq) }
    }
}

impl Deref for LockedResv {
    type Target = Resv;

    #[inline]
    fn deref(&self) -> &Resv {
        &self.resv
    }
}

/// The lock of one reservation object, held. Dropping the guard unlocks the object.
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     resv::{Resv, ResvGuard, ResvUsage},
///     Leaf,
/// };
/// use kernel::{prelude::*, sync::Arc};
///
/// let jobs = [Leaf::stub(), Leaf::stub()];
/// let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
/// let mut guard = ResvGuard::lock(resv.clone());
///
/// assert!(ResvGuard::try_lock(resv).is_err());
/// let slots = guard.reserve(jobs.len())?;
/// // Cannot fail from here on.
/// for (slot, job) in slots.zip(&jobs) {
///     slot.add(job, ResvUsage::Read);
/// }
/// assert_eq!(guard.fences(ResvUsage::Write).count(), 0);
/// // Returns the handle.
/// assert!(!guard.unlock().is_locked());
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// The current task holds the lock of the object at `resv`, and the guard has the right to give it
/// up. `handle` keeps that object.
#[must_use = "the object is unlocked when the guard is dropped"]
pub struct ResvGuard<H: ResvHandle> {
    /// A handle may return another object each time, so `resv()` is called once.
    resv: NonNull<Resv>,
    handle: H,
    /// The owner of the lock.
    _task: ARef<Task>,
    _not_send: NotThreadSafe,
}

impl<H: ResvHandle> ResvGuard<H> {
    /// Locks the object of a handle.
    ///
    /// Context: process; may sleep. Not in a signalling section, and not with another reservation
    /// object locked.
    ///
    /// C function: `dma_resv_lock()`
    #[inline]
    pub fn lock(handle: H) -> Self {
        let resv = handle.resv().as_raw();

        // SAFETY: The handle keeps the object. Without an acquire context locking cannot fail.
        unsafe { bindings::dma_resv_lock(resv, ptr::null_mut()) };
        // SAFETY: Just locked.
        unsafe { Self::new(resv, handle) }
    }

    /// Like [`Self::lock`], but fails with `EINTR` if a signal arrives first.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_resv_lock_interruptible()`
    #[inline]
    pub fn lock_interruptible(handle: H) -> Result<Self> {
        let resv = handle.resv().as_raw();

        // SAFETY: The handle keeps the object.
        to_result(unsafe {
            bindings::dma_buf_rs_dma_resv_lock_interruptible(resv, ptr::null_mut())
        })?;
        // SAFETY: Just locked.
        Ok(unsafe { Self::new(resv, handle) })
    }

    /// Locks the object if it is not locked. Otherwise fails, and returns the handle.
    ///
    /// Context: process, also with other reservation objects locked.
    ///
    /// C function: `dma_resv_trylock()`
    #[inline]
    pub fn try_lock(handle: H) -> Result<Self, H> {
        let resv = handle.resv().as_raw();

        // SAFETY: The handle keeps the object.
        if !unsafe { bindings::dma_buf_rs_dma_resv_trylock(resv) } {
            return Err(handle);
        }
        // SAFETY: Just locked.
        Ok(unsafe { Self::new(resv, handle) })
    }

    /// # Safety
    ///
    /// The current task has just locked the object at `resv`, which `handle` has returned.
    #[inline]
    unsafe fn new(resv: *mut bindings::dma_resv, handle: H) -> Self {
        // INVARIANT: By the function's contract.
        Self {
            // SAFETY: By the function's contract it points to an object.
            resv: unsafe { NonNull::new_unchecked(resv.cast()) },
            handle,
            _task: ARef::from(&**kernel::current!()),
            _not_send: NotThreadSafe,
        }
    }

    /// Unlocks the object. Returns the handle.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_resv_unlock()`
    #[inline]
    pub fn unlock(self) -> H {
        let mut this = ManuallyDrop::new(self);

        // SAFETY: By the type invariant. `this` is not dropped, so the lock is given up once, and
        // the task and the handle, which keeps the object until then, are moved out once.
        unsafe {
            bindings::dma_resv_unlock(this.resv.as_ptr().cast());
            ptr::drop_in_place(&mut this._task);
            ptr::read(&this.handle)
        }
    }

    /// Returns the handle.
    ///
    /// Context: any.
    #[inline]
    pub fn handle(&self) -> &H {
        &self.handle
    }
}

impl<H: ResvHandle> Deref for ResvGuard<H> {
    type Target = LockedResv;

    #[inline]
    fn deref(&self) -> &LockedResv {
        // INVARIANT: The lock is held as long as the guard is borrowed.
        // SAFETY: By the type invariant the handle keeps the object.
        unsafe { &*LockedResv::from_resv(self.resv) }
    }
}

impl<H: ResvHandle> DerefMut for ResvGuard<H> {
    #[inline]
    fn deref_mut(&mut self) -> &mut LockedResv {
        // SAFETY: By the type invariant. Slots and walks would borrow the guard, so there are none.
        unsafe { self.resv.as_ref().assume_locked() }
    }
}

impl<H: ResvHandle> Drop for ResvGuard<H> {
    /// Context: that of locking.
    ///
    /// C function: `dma_resv_unlock()`
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant. The handle is dropped after this.
        unsafe { bindings::dma_resv_unlock(self.resv.as_ptr().cast()) };
    }
}

/// Room for several fences in a reservation object. Iterates over the slots.
///
/// # Invariants
///
/// For `'a`, the current task holds the lock of `resv`, which has room for `remaining` fences that
/// nothing else uses.
#[must_use = "slots that are not used are given back"]
pub struct ResvSlots<'a> {
    resv: &'a Resv,
    remaining: usize,
    _not_send: NotThreadSafe,
}

impl<'a> Iterator for ResvSlots<'a> {
    type Item = ResvSlot<'a>;

    #[inline]
    fn next(&mut self) -> Option<ResvSlot<'a>> {
        self.remaining = self.remaining.checked_sub(1)?;
        // SAFETY: By the type invariant. The room of one fence goes to the slot.
        Some(unsafe { ResvSlot::new(self.resv) })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for ResvSlots<'_> {}

/// Room for one fence in a reservation object.
///
/// # Invariants
///
/// For `'a`, the current task holds the lock of `resv`, which has room for a fence that nothing
/// else uses.
#[must_use = "a slot that is not used is given back"]
pub struct ResvSlot<'a> {
    resv: &'a Resv,
    _not_send: NotThreadSafe,
}

impl<'a> ResvSlot<'a> {
    /// # Safety
    ///
    /// The type's invariants hold.
    #[inline]
    pub(super) unsafe fn new(resv: &'a Resv) -> Self {
        // INVARIANT: By the function's contract.
        Self {
            resv,
            _not_send: NotThreadSafe,
        }
    }

    /// Adds a fence, in the place of one that has signalled, or of an earlier one of the same
    /// context whose usage is not stronger, if there is one.
    ///
    /// Context: process, also in a signalling section; no fence lock held, and no lock that a
    /// callback takes.
    ///
    /// C function: `dma_resv_add_fence()`
    #[inline]
    pub fn add(self, fence: &Leaf, usage: ResvUsage) {
        debug_assert!(matches!(fence.kind(), FenceKind::Leaf(_)));

        // SAFETY: By the type invariant the lock is held, and there is room. The fence is valid,
        // and not a container.
        unsafe { bindings::dma_resv_add_fence(self.resv.as_raw(), fence.as_raw(), usage.as_raw()) };
    }
}
