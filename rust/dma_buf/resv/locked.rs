// SPDX-License-Identifier: GPL-2.0

//! What can be done with the lock of a reservation object held.

use super::{
    iter::Fences,
    slots::{
        self,
        Slot,
        Slots, //
    },
    Resv,
    Usage, //
};
use crate::{
    bindings,
    fence::Leaf, //
};
use core::{
    ops::Deref,
    ptr, //
};
use kernel::{
    prelude::*,
    seq_file::SeqFile,
    types::NotThreadSafe, //
};

mod sealed {
    use super::Resv;

    /// # Safety
    ///
    /// As long as there is one, the current task holds the lock of the object that
    /// [`Self::locked`] returns, always the same, and this is the only one that stands
    /// for it. It is neither `Send` nor `Sync`.
    pub unsafe trait Locked {
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
        let resv = self.locked();

        // SAFETY: The lock is held, and slots would borrow this, as those do.
        unsafe {
            slots::reserve(resv, count)?;
            Ok(Slots::new(resv, count))
        }
    }

    /// [`Self::reserve`] for one fence.
    #[inline]
    fn reserve_one(&mut self) -> Result<Slot<'_>> {
        let resv = self.locked();

        // SAFETY: As above.
        unsafe {
            slots::reserve(resv, 1)?;
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

/// A reservation object whose lock is held by somebody further out: by a
/// [`LockedSet`](super::LockedSet), or by C ([`Resv::assume_locked`]).
///
/// # Invariants
///
/// For `'a`, the current task holds the object's lock, and nothing else stands for
/// that.
pub struct LockedResv<'a> {
    resv: &'a Resv,
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
            _not_send: NotThreadSafe,
        }
    }
}

// SAFETY: By the type invariant.
unsafe impl Locked for LockedResv<'_> {
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
