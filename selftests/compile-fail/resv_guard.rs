// SPDX-License-Identifier: GPL-2.0

//! Locked reservation objects.

mod fixture;

use core::mem::swap;
use dma_buf::resv::{
    HasResv,
    Resv,
    ResvGuard,
    ResvUsage, //
};
use fixture::*;

fn locked(resv: Arc<Resv>, fence: &Fence, unwrapped: &UnwrappedFence, leaf: &Leaf) -> Result {
    // An object is locked by what keeps it, not by a borrow.
    #[cfg(fault = "resv_on_the_stack")]
    let _ = ResvGuard::lock(&*resv); //~ E0277 the trait bound `&Resv: ResvHandle` is not satisfied

    let mut guard = ResvGuard::lock(resv);

    // A fence is not added but to a slot.
    #[cfg(fault = "resv_add_without_slot")]
    guard.add(leaf, ResvUsage::Read); //~ E0599 no method named `add` found

    // What may be a container is not added as a leaf.
    #[cfg(fault = "resv_add_container")]
    {
        guard.reserve_one()?.add(fence, ResvUsage::Read); //~ E0308 mismatched types
        guard.reserve_one()?.add(unwrapped, ResvUsage::Read); //~ E0308 mismatched types
    }
    guard.reserve_one()?.add(leaf, ResvUsage::Read);
    guard.add_leaves(unwrapped, ResvUsage::Read)?;

    // What may be a container does not take the place of leaves.
    #[cfg(fault = "resv_replace_by_container")]
    guard.replace_fences(1, fence, ResvUsage::Read)?; //~ E0308 mismatched types
    guard.replace_fences(1, leaf, ResvUsage::Read)?;

    // A guard is not shared with a task that does not hold the lock.
    #[cfg(fault = "resv_guard_shared")]
    require_sync(&guard); //~ E0277 cannot be shared between threads safely
    require_sync(guard.handle());

    // A lock is given up by the task that has taken it.
    #[cfg(fault = "resv_guard_sent")]
    require_send(guard); //~ E0277 cannot be sent between threads safely
    require_send(guard.unlock());
    Ok(())
}

struct Buffer<'a> {
    resv: &'a Resv,
}

impl HasResv for Buffer<'_> {
    fn resv(&self) -> &Resv {
        self.resv
    }
}

/// What a guard keeps does not borrow, as a forgotten one keeps it for ever.
fn handle(buffer: Arc<Buffer<'_>>, of_ever: Arc<Buffer<'static>>) {
    #[cfg(fault = "resv_handle_borrows")]
    drop(ResvGuard::lock(buffer)); //~ E0521 borrowed data escapes outside of function
    drop(ResvGuard::lock(of_ever));
}

/// Two locked objects are not exchanged behind their guards.
fn swapped(mut one: ResvGuard<Arc<Resv>>, mut other: ResvGuard<Arc<Resv>>) {
    #[cfg(fault = "resv_locked_swapped")]
    swap(&mut *one, &mut *other); //~ E0277 the size for values of type
    swap(&mut one, &mut other);
}
