// SPDX-License-Identifier: GPL-2.0

//! A driver's own fences, found among others.

mod fixture;

use fixture::*;

/// A fence is cast to a driver's own types only.
#[cfg(fault = "downcast_foreign")]
type Target = u32;
#[cfg(not(fault = "downcast_foreign"))]
type Target = Ring;

fn target(fence: &Fence) -> bool {
    let guard = rcu::read_lock();
    fence.downcast::<Target>(&guard).is_some()
    //~^ E0277 the trait bound `u32: FenceContextOps` is not satisfied
}

fn found(fence: ARef<Fence>) -> u32 {
    let guard = rcu::read_lock();
    let Some((ring, job)) = fence.downcast::<Ring>(&guard) else {
        return 0;
    };

    // What a downcast finds does not outlive the reference to the fence.
    #[cfg(fault = "downcast_beyond_fence")]
    drop(fence); //~ E0505 cannot move out of `fence` because it is borrowed

    // What a downcast finds is not used once RCU is unlocked.
    #[cfg(fault = "downcast_beyond_guard")]
    drop(guard); //~ E0505 cannot move out of `guard` because it is borrowed

    ring.number + job.number
}
