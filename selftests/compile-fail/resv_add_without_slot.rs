// SPDX-License-Identifier: GPL-2.0

//! A fence is not added but to a slot.

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
    #[cfg(fault)]
    guard.add(fence, ResvUsage::Read); //~ E0599 no method named `add` found

    guard.reserve_one()?.add(fence, ResvUsage::Read);
    Ok(())
}
