// SPDX-License-Identifier: GPL-2.0

//! Locks of a set are given up by the task that has taken them.

mod fixture;

use dma_buf::{
    Resv,
    ResvSet, //
};
use fixture::*;
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(mut set: ResvSet<Arc<Resv>>) -> Result {
    let locked = set.lock()?;
    #[cfg(fault)]
    require_send(locked); //~ E0277 cannot be sent between threads safely
    #[cfg(not(fault))]
    drop(locked);
    require_send(set);
    Ok(())
}
