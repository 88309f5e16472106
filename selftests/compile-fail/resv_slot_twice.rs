// SPDX-License-Identifier: GPL-2.0

//! A slot is used once.

use dma_buf::{
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

fn case(resv: Arc<Resv>, one: &Leaf, other: &Leaf) -> Result {
    let mut guard = ResvGuard::lock(resv);
    let slot = guard.reserve_one()?;

    slot.add(one, Usage::Read);
    #[cfg(fault)]
    slot.add(other, Usage::Read); //~ E0382 use of moved value: `slot`
    let _ = other;
    Ok(())
}
