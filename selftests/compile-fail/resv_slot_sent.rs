// SPDX-License-Identifier: GPL-2.0

//! A slot stays with the task that has the lock.

mod fixture;

use dma_buf::{
    resv::{
        Resv,
        ResvGuard,
        ResvUsage, //
    },
    Leaf, //
};
use fixture::*;
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(guard: &mut ResvGuard<Arc<Resv>>, fence: &Leaf) -> Result {
    let slot = guard.reserve_one()?;
    #[cfg(fault)]
    require_send(slot); //~ E0277 cannot be sent between threads safely
    #[cfg(not(fault))]
    slot.add(fence, ResvUsage::Read);
    require_send(fence);
    Ok(())
}
