// SPDX-License-Identifier: GPL-2.0

//! A slot comes from a reservation, and from nothing else.

use dma_buf::{
    resv::{
        Resv,
        ResvGuard,
        ResvSlot,
        ResvUsage, //
    },
    Leaf, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case<'a>(guard: &'a mut ResvGuard<Arc<Resv>>, fence: &Leaf, slot: ResvSlot<'a>) -> Result {
    #[cfg(fault)]
    {
        let slot = ResvSlot { ..slot }; //~ E0451 field
        slot.add(fence, ResvUsage::Read);
    }
    #[cfg(not(fault))]
    slot.add(fence, ResvUsage::Read);
    let _ = guard.reserve_one()?;
    Ok(())
}
