// SPDX-License-Identifier: GPL-2.0

//! A walk that relies on the lock stays with the task that has it.

mod fixture;

use dma_buf::resv::{
    Resv,
    ResvGuard,
    ResvUsage, //
};
use fixture::*;
use kernel::sync::Arc;

fn case(guard: &ResvGuard<Arc<Resv>>) {
    let mut fences = guard.fences(ResvUsage::Read);

    require_send(fences.next());
    #[cfg(fault)]
    require_send(fences); //~ E0277 cannot be sent between threads safely
                          //~| E0277 cannot be shared between threads safely
}
