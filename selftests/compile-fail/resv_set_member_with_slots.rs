// SPDX-License-Identifier: GPL-2.0

//! Once slots in a set are reserved, its members can be used for nothing else.

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
    let mut locked = set.lock();
    let _ = locked.get_mut(0);
    let mut slots = locked.reserve()?;
    #[cfg(fault)]
    let _ = locked.get_mut(0); //~ E0382 borrow of moved value: `locked`

    for (_, slot) in slots.drain() {
        slot.add(fence, ResvUsage::Read);
    }
    Ok(())
}
