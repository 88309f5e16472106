// SPDX-License-Identifier: GPL-2.0

//! Room for fences in a reservation object, as something to be used up.

use super::{
    Resv,
    Usage, //
};
use crate::{
    bindings,
    fence::{
        Kind,
        Leaf, //
    },
    flat::Flat, //
};
use kernel::{
    error::to_result,
    prelude::*,
    types::NotThreadSafe, //
};

/// The most fences that a reservation object holds.
///
/// The kernel has them in one piece of memory that it doubles, and computes sizes
/// without looking for overflow. Those that have signalled do not count, since they
/// make room as it is needed.
///
/// # Examples
///
/// ```
/// use dma_buf::{Leaf, Resv, ResvGuard, ResvLocked, Usage, MAX_RESV_FENCES};
/// use kernel::{prelude::*, sync::Arc};
///
/// let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
/// let mut guard = ResvGuard::lock(resv);
///
/// guard.reserve_one()?.add(&Leaf::stub(), Usage::Read);
/// assert!(guard.reserve(MAX_RESV_FENCES).is_ok());
/// assert_eq!(guard.reserve(MAX_RESV_FENCES + 1).err(), Some(E2BIG));
/// # Ok::<(), Error>(())
/// ```
pub const MAX_RESV_FENCES: usize = 65536;

/// Reserves slots in an object whose lock is held. `room` is how many more there may
/// be, as far as is known without looking.
///
/// # Safety
///
/// The current task holds the lock, and there are no slots.
#[inline]
pub(super) unsafe fn reserve(resv: &Resv, room: &mut usize, count: usize) -> Result {
    if count == 0 {
        return Err(EINVAL);
    }
    if count > *room {
        let present = count_fences(resv);

        *room = MAX_RESV_FENCES.saturating_sub(present);
        // A foreign driver may have added more, so the piece may be of any size.
        if count > *room && present <= MAX_RESV_FENCES {
            *room = MAX_RESV_FENCES.saturating_sub(count_pending(resv));
        }
        if count > *room {
            return Err(E2BIG);
        }
    }
    // SAFETY: The object is valid, and its lock held. The number is not 0, and with
    // what is there, twice `MAX_RESV_FENCES` at most: small enough for all that is
    // computed of it.
    to_result(unsafe { bindings::dma_resv_reserve_fences(resv.as_raw(), count as u32) })?;
    *room -= count;
    Ok(())
}

/// How many fences are in an object, signalled ones included.
#[cold]
#[inline(never)]
fn count_fences(resv: &Resv) -> usize {
    let mut cursor = bindings::dma_resv_iter {
        obj: resv.as_raw(),
        usage: Usage::Bookkeep.as_raw(),
        ..Default::default()
    };

    // SAFETY: The cursor is for a valid object, and has no fence yet. The one that it
    // has then, or null, goes with it.
    unsafe {
        bindings::dma_resv_iter_first_unlocked(&mut cursor);
        if !cursor.fence.is_null() {
            crate::fence::put(cursor.fence);
        }
    }
    cursor.num_fences as usize
}

/// How many fences are pending in an object whose lock is held; looks at each.
#[cold]
#[inline(never)]
fn count_pending(resv: &Resv) -> usize {
    let mut walk = resv.fences_unlocked(Usage::Bookkeep);
    let mut count = 0;

    // Nobody changes the list, so this does not start again.
    while walk.next().is_some() {
        count += 1;
    }
    count
}

/// Reserved slots: room for so many fences, until they are dropped.
///
/// From [`ResvLocked::reserve`](super::ResvLocked::reserve). Those that are not used
/// are given back.
///
/// # Examples
///
/// ```
/// use dma_buf::{Leaf, Resv, ResvGuard, ResvLocked, Usage};
/// use kernel::{prelude::*, sync::Arc};
///
/// let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
/// let mut guard = ResvGuard::lock(resv);
///
/// let mut slots = guard.reserve(2)?;
/// // Cannot fail from here on.
/// if let Some(slot) = slots.next() {
///     slot.add(&Leaf::stub(), Usage::Read);
/// }
/// assert_eq!(slots.len(), 1);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// For `'a`, the object's lock is held by the current task, and it has room for
/// `left` fences beside those for which there is a [`Slot`].
#[must_use = "what is reserved and not used is given back"]
pub struct Slots<'a> {
    resv: &'a Resv,
    left: usize,
    _not_send: NotThreadSafe,
}

impl<'a> Slots<'a> {
    /// # Safety
    ///
    /// The type's invariants hold.
    #[inline]
    pub(super) unsafe fn new(resv: &'a Resv, left: usize) -> Self {
        // INVARIANT: By the function's contract.
        Self {
            resv,
            left,
            _not_send: NotThreadSafe,
        }
    }

    /// Adds a fence, or each leaf of an array: an array itself must not be in a
    /// reservation object.
    ///
    /// Fails with `ENOSPC`, and adds nothing, if it has more leaves
    /// ([`Flat::leaf_count`]) than there are slots.
    ///
    /// Asks drivers as [`Fence::is_signaled`](crate::Fence::is_signaled) does. Context:
    /// as [`Slot::add`].
    pub fn add_leaves(&mut self, fence: &Flat, usage: Usage) -> Result {
        if fence.leaf_count() > self.left {
            return Err(ENOSPC);
        }
        for leaf in fence.iter() {
            if let Some(slot) = self.next() {
                slot.add(leaf, usage);
            }
        }
        Ok(())
    }
}

impl<'a> Iterator for Slots<'a> {
    type Item = Slot<'a>;

    #[inline]
    fn next(&mut self) -> Option<Slot<'a>> {
        self.left = self.left.checked_sub(1)?;
        // INVARIANT: The room for one more is that slot's now.
        Some(Slot {
            resv: self.resv,
            _not_send: NotThreadSafe,
        })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Slots<'_> {}

/// Room for one fence.
///
/// # Invariants
///
/// For `'a`, the object's lock is held by the current task, and it has room for a
/// fence that is nobody else's.
#[must_use = "a slot that is not used is given back"]
pub struct Slot<'a> {
    resv: &'a Resv,
    _not_send: NotThreadSafe,
}

impl<'a> Slot<'a> {
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

    /// Adds a fence, to which the object takes a reference of its own.
    ///
    /// It takes the place of one that has signalled, or of an earlier one of the same
    /// context, if that has the same usage or a later one; then a slot is left unused.
    ///
    /// Context: any in which the lock can be held, also a signalling section; never
    /// with a fence's lock held. Cannot fail.
    ///
    /// C function: `dma_resv_add_fence()`
    #[inline]
    pub fn add(self, fence: &Leaf, usage: Usage) {
        debug_assert!(matches!(fence.kind(), Kind::Leaf(_)));

        // SAFETY: By the type invariant the lock is held, and there is room for it. It
        // is valid, and no container.
        unsafe { bindings::dma_resv_add_fence(self.resv.as_raw(), fence.as_raw(), usage.as_raw()) };
    }
}
