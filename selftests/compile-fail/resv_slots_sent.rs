// SPDX-License-Identifier: GPL-2.0

//! Slots stay with the task that has the lock.

mod fixture;

use dma_buf::resv::{
    Resv,
    ResvGuard, //
};
use fixture::*;
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(guard: &mut ResvGuard<Arc<Resv>>) -> Result {
    let slots = guard.reserve(1)?;
    #[cfg(fault)]
    require_send(slots); //~ E0277 cannot be sent between threads safely
    #[cfg(not(fault))]
    require_send(slots.len());
    Ok(())
}
