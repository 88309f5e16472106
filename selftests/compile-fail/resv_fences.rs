// SPDX-License-Identifier: GPL-2.0

//! Walks over the fences of a reservation object.

mod fixture;

use dma_buf::resv::{
    Resv,
    ResvGuard,
    ResvUsage, //
};
use fixture::*;

fn with_the_lock(resv: Arc<Resv>) -> Result<ARef<Fence>> {
    let mut guard = ResvGuard::lock(resv);
    let mut fences = guard.fences(ResvUsage::Read);
    let (fence, _) = fences.next().ok_or(ENOENT)?;
    let kept = ARef::from(fence);

    // A walk that relies on the lock stays with the task that has it.
    #[cfg(fault = "resv_fences_sent")]
    require_send(fences); //~ E0277 cannot be sent between threads safely
                          //~| E0277 cannot be shared between threads safely
    require_send(fence);

    // A fence of the list is not used once the list may have changed.
    #[cfg(fault = "resv_fence_across_reserve")]
    let _ = guard.reserve_one()?; //~ E0502 cannot borrow `guard` as mutable

    // A fence of the list does not outlive the lock, but a reference to it does.
    #[cfg(fault = "resv_fence_beyond_guard")]
    drop(guard); //~ E0505 cannot move out of `guard` because it is borrowed

    kept.is_later(fence);
    Ok(kept)
}

fn without_the_lock(resv: Arc<Resv>) -> Option<u64> {
    let rcu = rcu::read_lock();
    let mut walk = resv.fences_unlocked(ResvUsage::Read, &rcu);
    let first = walk.next()?;

    // A walk without the lock keeps one fence, until it goes on.
    #[cfg(fault = "resv_walk_keeps_one")]
    walk.next(); //~ E0499 cannot borrow `walk` as mutable more than once

    let seqno = first.seqno();

    // A walk does not outlive the object.
    #[cfg(fault = "resv_walk_beyond_object")]
    drop(resv); //~ E0505 cannot move out of `resv` because it is borrowed

    walk.next().map(|_| seqno)
}
