// SPDX-License-Identifier: GPL-2.0

//! A slot does not outlive the lock.

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
    let slot = guard.reserve(1)?.next();
    #[cfg(fault)]
    drop(guard); //~ E0505 cannot move out of `guard` because it is borrowed

    if let Some(slot) = slot {
        slot.add(fence, ResvUsage::Read);
    }
    Ok(())
}
