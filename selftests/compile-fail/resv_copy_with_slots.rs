// SPDX-License-Identifier: GPL-2.0

//! While there are slots, no fences are copied to where they are.

use dma_buf::{
    resv::{
        Resv,
        ResvGuard,
        ResvUsage, //
    },
    Leaf, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(resv: Arc<Resv>, from: &Resv, fence: &Leaf) -> Result {
    let mut guard = ResvGuard::lock(resv);
    let mut slots = guard.reserve(2)?;
    let slot = slots.next();
    drop(slots);
    #[cfg(fault)]
    guard.add_fences_from(from)?; //~ E0499 cannot borrow `guard` as mutable more than once

    if let Some(slot) = slot {
        slot.add(fence, ResvUsage::Read);
    }
    guard.add_fences_from(from)?;
    Ok(())
}
