// SPDX-License-Identifier: GPL-2.0

//! What may be a container is not added as a leaf.

use dma_buf::{
    Fence,
    Flat,
    Leaf,
    Resv,
    ResvGuard,
    ResvLocked,
    Usage, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(guard: &mut ResvGuard<Arc<Resv>>, fence: &Fence, flat: &Flat) -> Result {
    let slot = guard.reserve_one()?;
    #[cfg(fault)]
    slot.add(fence, Usage::Read); //~ E0308 mismatched types
    #[cfg(not(fault))]
    drop(slot);

    let slot = guard.reserve_one()?;
    #[cfg(fault)]
    slot.add(flat, Usage::Read); //~ E0308 mismatched types
    #[cfg(not(fault))]
    drop((slot, fence));

    guard
        .reserve(flat.leaf_count())?
        .add_leaves(flat, Usage::Read)
}
