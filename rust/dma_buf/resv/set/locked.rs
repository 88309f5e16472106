// SPDX-License-Identifier: GPL-2.0

//! The locks of a set of reservation objects, held.

use super::{
    Member,
    ResvSet, //
};
use crate::{
    fence::Leaf,
    flat::Flat,
    resv::{
        slots::{
            self,
            Slot, //
        },
        Fences,
        LockedResv,
        Resv,
        ResvHandle,
        Usage, //
    }, //
};
use kernel::{
    prelude::*,
    types::NotThreadSafe, //
};

/// The locks of all objects of a [`ResvSet`].
///
/// Dropped, it unlocks them; forgotten, they stay locked for ever, and what is in the
/// set is never freed.
///
/// # Invariants
///
/// The current task has the set locked, and this has the right to give that up.
#[must_use = "dropped, it unlocks at once"]
pub struct LockedSet<'a, H: ResvHandle> {
    set: &'a mut ResvSet<H>,
    _not_send: NotThreadSafe,
}

impl<'a, H: ResvHandle> LockedSet<'a, H> {
    /// # Safety
    ///
    /// The type's invariants hold.
    #[inline]
    pub(super) unsafe fn new(set: &'a mut ResvSet<H>) -> Self {
        // INVARIANT: By the function's contract.
        Self {
            set,
            _not_send: NotThreadSafe,
        }
    }

    /// How many objects there are, each counted as often as it was put in.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The handle that was put in at this place.
    pub fn handle(&self, index: usize) -> Option<&H> {
        self.set.get(index)
    }

    /// The object that was put in at this place.
    #[inline]
    pub fn resv(&self, index: usize) -> Option<&Resv> {
        let member = self.set.members.get(index)?;

        // SAFETY: The set is borrowed, so the member stays.
        Some(unsafe { member.resv() })
    }

    /// The fences of the object that was put in at this place, as
    /// [`ResvLocked::fences`] gives them.
    ///
    /// [`ResvLocked::fences`]: crate::ResvLocked::fences
    #[inline]
    pub fn fences(&self, index: usize, usage: Usage) -> Option<Fences<'_>> {
        // SAFETY: Its lock is held by this, and as this is borrowed, nobody changes the list.
        self.resv(index)
            .map(|resv| unsafe { Fences::new(resv, usage) })
    }

    /// The object that was put in at this place, to do with what can be done with one
    /// that is locked.
    #[inline]
    pub fn get(&mut self, index: usize) -> Option<LockedResv<'_>> {
        let member = self.set.members.get(index)?;

        // SAFETY: Its lock is held by this, which is borrowed for as long as the object
        // is lent, so that no other member, which may have the same one, is.
        Some(unsafe { LockedResv::new(member.resv()) })
    }

    /// Reserves room for so many fences in each object: where one was put in more than
    /// once, so many for each time.
    ///
    /// Process context, may sleep. Fails as [`ResvLocked::reserve`] does.
    ///
    /// [`ResvLocked::reserve`]: crate::ResvLocked::reserve
    pub fn reserve(&mut self, count: usize) -> Result<SetSlots<'_, H>> {
        let is_shared = self.set.is_shared;
        let members = &mut *self.set.members;

        for index in 0..members.len() {
            let member = &members[index];
            if !member.is_owner {
                continue;
            }
            let times = if is_shared {
                members
                    .iter()
                    .filter(|other| other.resv == member.resv)
                    .count()
            } else {
                1
            };

            // SAFETY: The lock is held, and there are no slots, as they would borrow this.
            unsafe { slots::reserve(member.resv(), count.saturating_mul(times))? };
        }
        for member in members.iter_mut() {
            member.slots = count;
        }
        // INVARIANT: As just reserved.
        Ok(SetSlots {
            members,
            _not_send: NotThreadSafe,
        })
    }
}

impl<H: ResvHandle> Drop for LockedSet<'_, H> {
    /// Context: that of locking.
    ///
    /// C functions: `dma_resv_unlock()`, `ww_acquire_fini()`
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { self.set.unlock() };
    }
}

/// Reserved slots in all objects of a [`LockedSet`].
///
/// # Invariants
///
/// For `'a`, the objects' locks are held by the current task, and each has room for as
/// many fences as its members have slots, beside those for which there is a [`Slot`].
#[must_use = "what is reserved and not used is given back"]
pub struct SetSlots<'a, H: ResvHandle> {
    members: &'a mut [Member<H>],
    _not_send: NotThreadSafe,
}

impl<'a, H: ResvHandle> SetSlots<'a, H> {
    /// A slot in the object that was put into the set at this place; `None` if they are
    /// used up.
    #[inline]
    pub fn slot(&mut self, index: usize) -> Option<Slot<'a>> {
        let member = self.members.get_mut(index)?;

        member.slots = member.slots.checked_sub(1)?;
        // SAFETY: The lock is held for `'a`, and the room for one more is that slot's now.
        Some(unsafe { Slot::new(member.resv()) })
    }

    /// Adds a fence, or each leaf of an array, to the object that was put into the set at
    /// this place.
    ///
    /// Fails with `ENOENT` if there is none, and with `ENOSPC`, and adds nothing, if the
    /// fence has more leaves than there are slots. Context: as [`Slot::add`].
    pub fn add_leaves(&mut self, index: usize, fence: &Flat, usage: Usage) -> Result {
        let member = self.members.get(index).ok_or(ENOENT)?;

        if fence.leaf_count() > member.slots {
            return Err(ENOSPC);
        }
        for leaf in fence.iter() {
            if let Some(slot) = self.slot(index) {
                slot.add(leaf, usage);
            }
        }
        Ok(())
    }

    /// Adds a fence to each object.
    ///
    /// Fails with `ENOSPC`, and adds nothing, if the slots of one are used up. Context: as
    /// [`Slot::add`].
    pub fn add_to_all(&mut self, fence: &Leaf, usage: Usage) -> Result {
        if self.members.iter().any(|member| member.slots == 0) {
            return Err(ENOSPC);
        }
        for member in self.members.iter_mut() {
            member.slots -= 1;
            // Once is enough.
            if member.is_owner {
                // SAFETY: As in `slot`.
                unsafe { Slot::new(member.resv()) }.add(fence, usage);
            }
        }
        Ok(())
    }
}
