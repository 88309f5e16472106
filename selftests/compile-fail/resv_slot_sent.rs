// SPDX-License-Identifier: GPL-2.0

//! A slot stays with the task that has the lock.

mod fixture;

use dma_buf::{
    Leaf,
    Resv,
    ResvGuard,
    ResvLocked,
    Usage, //
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
    slot.add(fence, Usage::Read);
    require_send(fence);
    Ok(())
}
