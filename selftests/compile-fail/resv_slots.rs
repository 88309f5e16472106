// SPDX-License-Identifier: GPL-2.0

//! Reserved slots of a reservation object.

mod fixture;

use dma_buf::resv::{
    Resv,
    ResvGuard,
    ResvSlot,
    ResvUsage, //
};
use fixture::*;

fn reserved(resv: Arc<Resv>, from: &Resv, fence: &Leaf) -> Result {
    let mut guard = ResvGuard::lock(resv);
    let slot = guard.reserve(2)?.next();

    // While there are slots, no fences are copied to where they are.
    #[cfg(fault = "resv_copy_with_slots")]
    guard.add_fences_from(from)?; //~ E0499 cannot borrow `guard` as mutable more than once

    // While there are slots, no fences are replaced beside them.
    #[cfg(fault = "resv_replace_with_slots")]
    guard.replace_fences(1, fence, ResvUsage::Read)?; //~ E0499 cannot borrow `guard` as mutable

    // While there are slots, no others are reserved.
    #[cfg(fault = "resv_reserve_with_slots")]
    let _ = guard.reserve(1)?; //~ E0499 cannot borrow `guard` as mutable more than once

    // A slot does not outlive the lock.
    #[cfg(fault = "resv_slot_beyond_guard")]
    drop(guard); //~ E0505 cannot move out of `guard` because it is borrowed

    // An object is not unlocked while there are slots in it.
    #[cfg(fault = "resv_unlock_with_slots")]
    guard.unlock(); //~ E0505 cannot move out of `guard` because it is borrowed

    if let Some(slot) = slot {
        slot.add(fence, ResvUsage::Read);
    }
    #[cfg(not(any(fault = "resv_slot_beyond_guard", fault = "resv_unlock_with_slots")))]
    {
        guard.add_fences_from(from)?;
        guard.replace_fences(1, fence, ResvUsage::Read)?;
        let _ = guard.reserve(1)?;
        guard.unlock();
    }
    Ok(())
}

fn one<'a>(guard: &'a mut ResvGuard<Arc<Resv>>, one: &Leaf, other: &Leaf) -> Result {
    let slot: ResvSlot<'a> = guard.reserve_one()?;

    // A slot comes from a reservation, and from nothing else.
    #[cfg(fault = "resv_slot_by_hand")]
    let slot = ResvSlot { ..slot }; //~ E0451 field

    // A slot stays with the task that has the lock.
    #[cfg(fault = "resv_slot_sent")]
    require_send(slot); //~ E0277 cannot be sent between threads safely
    require_send(one);
    slot.add(one, ResvUsage::Read);

    // A slot is used once.
    #[cfg(fault = "resv_slot_twice")]
    slot.add(other, ResvUsage::Read); //~ E0382 use of moved value: `slot`
    Ok(())
}

/// Slots stay with the task that has the lock.
fn sent(guard: &mut ResvGuard<Arc<Resv>>) -> Result {
    let slots = guard.reserve(1)?;
    require_send(slots.len());
    #[cfg(fault = "resv_slots_sent")]
    require_send(slots); //~ E0277 cannot be sent between threads safely
    Ok(())
}
