// SPDX-License-Identifier: GPL-2.0

//! An object is not unlocked while there are slots in it.

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
    let slots = guard.reserve(2)?;
    #[cfg(fault)]
    guard.unlock(); //~ E0505 cannot move out of `guard` because it is borrowed

    for slot in slots {
        slot.add(fence, ResvUsage::Read);
    }
    Ok(())
}
