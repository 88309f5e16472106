// SPDX-License-Identifier: GPL-2.0

//! A guard is not shared with a task that does not hold the lock.

mod fixture;

use dma_buf::resv::{
    Resv,
    ResvGuard, //
};
use fixture::*;
use kernel::sync::Arc;

fn case(resv: Arc<Resv>) {
    let guard = ResvGuard::lock(resv);

    require_sync(guard.handle());
    #[cfg(fault)]
    require_sync(&guard); //~ E0277 cannot be shared between threads safely
}
