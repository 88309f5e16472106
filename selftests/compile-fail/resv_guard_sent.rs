// SPDX-License-Identifier: GPL-2.0

//! A lock is given up by the task that has taken it.

mod fixture;

use dma_buf::resv::{
    Resv,
    ResvGuard, //
};
use fixture::*;
use kernel::sync::Arc;

fn case(resv: Arc<Resv>) {
    let guard = ResvGuard::lock(resv);
    #[cfg(fault)]
    require_send(guard); //~ E0277 cannot be sent between threads safely
    #[cfg(not(fault))]
    require_send(guard.unlock());
}
