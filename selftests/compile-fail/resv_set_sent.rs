// SPDX-License-Identifier: GPL-2.0

//! A set is unlocked by the task that has locked it.

mod fixture;

use dma_buf::resv::{
    Resv,
    ResvSet, //
};
use fixture::*;
use kernel::sync::Arc;

fn case(set: ResvSet<Arc<Resv>>) {
    let locked = set.lock();
    #[cfg(fault)]
    require_send(locked); //~ E0277 cannot be sent between threads safely
    #[cfg(not(fault))]
    require_send(locked.unlock());
}
