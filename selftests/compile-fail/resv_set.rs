// SPDX-License-Identifier: GPL-2.0

//! Sets of reservation objects that are locked together.

mod fixture;

use dma_buf::resv::{
    Resv,
    ResvSet,
    ResvUsage, //
};
use fixture::*;

fn locked(mut set: ResvSet<Arc<Resv>>, resv: Arc<Resv>) -> Result<usize> {
    let mut locked = set.lock();

    // A set does not change while it is locked.
    #[cfg(fault = "resv_set_changed")]
    set.push(resv.clone())?; //~ E0382 borrow of moved value: `set`

    let one = locked.get_mut(0).ok_or(ENOENT)?;

    // Two members of a set cannot be changed at a time, as they may be the same object.
    #[cfg(fault = "resv_set_two_members")]
    let _two = locked.get_mut(1); //~ E0499 cannot borrow `locked` as mutable more than once

    let count = one.fences(ResvUsage::Read).count();

    // A set is unlocked by the task that has locked it.
    #[cfg(fault = "resv_set_sent")]
    require_send(locked); //~ E0277 cannot be sent between threads safely

    set = locked.unlock();
    require_send(&set);
    set.push(resv)?;
    Ok(count)
}

/// A member of a set is not locked for longer than the set.
fn member(set: ResvSet<Arc<Resv>>) -> Result<usize> {
    let locked = set.lock();
    let (_, member) = locked.get(0).ok_or(ENOENT)?;
    #[cfg(fault = "resv_set_member_kept")]
    drop(locked); //~ E0505 cannot move out of `locked` because it is borrowed
    Ok(member.fences(ResvUsage::Read).count())
}

/// A member that was looked at to find another one is looked at again after that is locked.
fn found(set: ResvSet<Arc<Resv>>, found: Arc<Resv>) -> Result {
    let locked = set.lock_with(|locking| {
        let (_, first) = locking.get(0).ok_or(ENOENT)?;
        let count = first.fences(ResvUsage::Read).count();

        #[cfg(fault = "resv_set_found_kept")]
        locking.push(found.clone())?; //~ E0502 cannot borrow `*locking` as mutable
        #[cfg(fault = "resv_set_found_kept")]
        let count = count + first.fences(ResvUsage::Read).count();
        if count == 0 {
            locking.push(found.clone())?;
        }
        Ok(())
    })?;

    drop(locked);
    Ok(())
}

fn reserved(set: ResvSet<Arc<Resv>>, fence: &Leaf) -> Result {
    let mut locked = set.lock();
    let _ = locked.get_mut(0);
    let mut slots = locked.reserve()?;

    // Once slots in a set are reserved, its members can be used for nothing else.
    #[cfg(fault = "resv_set_member_with_slots")]
    let _ = locked.get_mut(0); //~ E0382 borrow of moved value: `locked`

    for (_, slot) in slots.drain() {
        slot.add(fence, ResvUsage::Read);
    }

    // A set with reserved slots is unlocked by the task that has locked it.
    #[cfg(fault = "resv_set_slots_sent")]
    require_send(slots); //~ E0277 cannot be sent between threads safely
    require_send(slots.unlock());
    Ok(())
}

/// A slot in a set does not outlive its locks.
fn slot(set: ResvSet<Arc<Resv>>, fence: &Leaf) -> Result {
    let mut slots = set.lock().reserve()?;
    let first = slots.drain().next();
    #[cfg(fault = "resv_set_slot_beyond_set")]
    drop(slots); //~ E0505 cannot move out of `slots` because it is borrowed
    if let Some((_, slot)) = first {
        slot.add(fence, ResvUsage::Read);
    }
    Ok(())
}
