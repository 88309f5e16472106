// SPDX-License-Identifier: GPL-2.0

//! A slot is used once.

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

fn case(resv: Arc<Resv>, one: &Leaf, other: &Leaf) -> Result {
    let mut guard = ResvGuard::lock(resv);
    let slot = guard.reserve_one()?;

    slot.add(one, ResvUsage::Read);
    #[cfg(fault)]
    slot.add(other, ResvUsage::Read); //~ E0382 use of moved value: `slot`
    let _ = other;
    Ok(())
}
