// SPDX-License-Identifier: GPL-2.0

//! Unwrapped fences, and walks over leaves.

mod fixture;

use fixture::*;

/// An unwrapped fence is made by the library alone.
fn made(fence: ARef<Fence>, unwrapped: UnwrappedFence) -> UnwrappedFence {
    #[cfg(fault = "unwrapped_by_hand")]
    return UnwrappedFence(fence); //~ E0423 private field
    unwrapped
}

fn walk(fence: &Fence) -> Result<u64> {
    let mut leaves = fence.leaves();
    let Some(first) = leaves.next()? else {
        return Ok(0);
    };

    // A leaf that a walk lends goes with the walk.
    #[cfg(fault = "leaf_beyond_walk")]
    drop(leaves); //~ E0505 cannot move out of `leaves` because it is borrowed

    // A leaf that a walk lends is kept until the walk goes on.
    #[cfg(fault = "leaf_kept")]
    leaves.next()?; //~ E0499 cannot borrow `leaves` as mutable more than once at a time

    Ok(first.seqno())
}
