// SPDX-License-Identifier: GPL-2.0

//! While there are slots, no others are reserved.

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
    let _ = guard.reserve(1)?; //~ E0499 cannot borrow `guard` as mutable more than once

    if let Some(slot) = slot {
        slot.add(fence, ResvUsage::Read);
    }
    let _ = guard.reserve(1)?;
    Ok(())
}
