// SPDX-License-Identifier: GPL-2.0

//! What may be a container is not added as a leaf.

use dma_buf::{
    resv::{
        Resv,
        ResvGuard,
        ResvUsage, //
    },
    Fence,
    Flat,
    Leaf, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(guard: &mut ResvGuard<Arc<Resv>>, fence: &Fence, flat: &Flat) -> Result {
    let slot = guard.reserve_one()?;
    #[cfg(fault)]
    slot.add(fence, ResvUsage::Read); //~ E0308 mismatched types
    #[cfg(not(fault))]
    drop(slot);

    let slot = guard.reserve_one()?;
    #[cfg(fault)]
    slot.add(flat, ResvUsage::Read); //~ E0308 mismatched types
    #[cfg(not(fault))]
    drop((slot, fence));

    guard.add_leaves(flat, ResvUsage::Read)
}
