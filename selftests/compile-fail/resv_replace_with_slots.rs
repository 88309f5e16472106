// SPDX-License-Identifier: GPL-2.0

//! While there are slots, no fences are replaced beside them.

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

fn case(resv: Arc<Resv>, fence: &Leaf) -> Result {
    let mut guard = ResvGuard::lock(resv);
    let mut slots = guard.reserve(2)?;
    let slot = slots.next();
    drop(slots);
    #[cfg(fault)]
    guard.replace_fences(1, fence, ResvUsage::Read)?; //~ E0499 cannot borrow `guard` as mutable

    if let Some(slot) = slot {
        slot.add(fence, ResvUsage::Read);
    }
    guard.replace_fences(1, fence, ResvUsage::Read)?;
    Ok(())
}
