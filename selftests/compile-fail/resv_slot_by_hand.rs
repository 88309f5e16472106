// SPDX-License-Identifier: GPL-2.0

//! A slot comes from a reservation, and from nothing else.

use dma_buf::{
    Leaf,
    Resv,
    ResvGuard,
    ResvLocked,
    Slot,
    Usage, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case<'a>(guard: &'a mut ResvGuard<Arc<Resv>>, fence: &Leaf, slot: Slot<'a>) -> Result {
    #[cfg(fault)]
    {
        let slot = Slot { ..slot }; //~ E0451 field
        slot.add(fence, Usage::Read);
    }
    #[cfg(not(fault))]
    slot.add(fence, Usage::Read);
    let _ = guard.reserve_one()?;
    Ok(())
}
