// SPDX-License-Identifier: GPL-2.0

//! A slot in a set does not outlive its locks.

use dma_buf::{
    resv::{
        Resv,
        ResvSet,
        ResvUsage, //
    },
    Leaf, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(set: ResvSet<Arc<Resv>>, fence: &Leaf) -> Result {
    let mut slots = set.lock().reserve()?;
    let first = slots.drain().next();
    #[cfg(fault)]
    drop(slots); //~ E0505 cannot move out of `slots` because it is borrowed

    if let Some((_, slot)) = first {
        slot.add(fence, ResvUsage::Read);
    }
    Ok(())
}
