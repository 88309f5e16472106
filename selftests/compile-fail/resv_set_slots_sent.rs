// SPDX-License-Identifier: GPL-2.0

//! A set with reserved slots is unlocked by the task that has locked it.

mod fixture;

use dma_buf::resv::{
    Resv,
    ResvSet, //
};
use fixture::*;
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(set: ResvSet<Arc<Resv>>) -> Result {
    let slots = set.lock().reserve()?;
    #[cfg(fault)]
    require_send(slots); //~ E0277 cannot be sent between threads safely
    #[cfg(not(fault))]
    require_send(slots.unlock());
    Ok(())
}
