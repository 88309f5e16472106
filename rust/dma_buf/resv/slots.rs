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
    page::PAGE_SIZE,
    prelude::*,
    types::NotThreadSafe, //
};

/// The most pending fences that a reservation object holds.
///
/// The kernel has them in one piece of memory that it doubles, and computes sizes
/// without looking for overflow.
pub const MAX_RESV_FENCES: usize = 65536;

/// Reserves slots in an object whose lock is held.
///
/// # Safety
///
/// The current task holds the lock, and there are no slots.
#[inline]
pub(super) unsafe fn reserve(resv: &Resv, count: usize) -> Result {
    // 0 is too many, too.
    if count.wrapping_sub(1) >= MAX_RESV_FENCES - SHORT || may_be_long(resv) {
        check(resv, count)?;
    }
    // SAFETY: The object is valid, and its lock held. The number is not 0, and
    // together with what is there small enough for all that is computed of it.
    match unsafe { bindings::dma_resv_reserve_fences(resv.as_raw(), count as u32) } {
        0 => Ok(()),
        error => Err(Error::from_errno(error)),
    }
}

/// How many fences there are at most in a list that is shorter than a page.
const SHORT: usize = PAGE_SIZE / size_of::<*const bindings::dma_fence>();

/// Whether the list of an object whose lock is held may be as long as a page, or longer.
///
/// The kernel does not tell how long it is. But its memory comes from `kmalloc()`, of
/// which a page and more is aligned to a page, and what is much less mostly is not.
#[inline]
fn may_be_long(resv: &Resv) -> bool {
    // SAFETY: The lock is held, so nobody changes the pointer.
    let list = unsafe { (*resv.as_raw()).fences };

    list.addr() % PAGE_SIZE == 0
}

/// Whether an object whose lock is held has room for so many more fences.
#[cold]
#[inline(never)]
fn check(resv: &Resv, count: usize) -> Result {
    let mut pending = 0;

    if count == 0 {
        return Err(EINVAL);
    }
    // Nobody changes the list, so the walk does not start again.
    let mut walk = resv.fences_unlocked(Usage::Bookkeep);
    while walk.next().is_some() {
        // With those that have signalled, which the kernel throws out when it needs room.
        if walk.at_most().saturating_add(count) <= MAX_RESV_FENCES {
            break;
        }
        pending += 1;
    }
    if pending + count.min(MAX_RESV_FENCES + 1) > MAX_RESV_FENCES {
        return Err(E2BIG);
    }
    Ok(())
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
