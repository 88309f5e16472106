// SPDX-License-Identifier: GPL-2.0

//! A context's data is dropped on any CPU, so it must be Send.

mod fixture;

use dma_buf::FenceContextOps;
use fixture::*;
use kernel::prelude::*;

struct OwnRing {
    #[cfg(fault)]
    _here: kernel::types::NotThreadSafe,
}

// SAFETY: Sharing it gives access to nothing.
unsafe impl Sync for OwnRing {}

#[vtable]
impl FenceContextOps for OwnRing {
    //~^ E0277 cannot be sent between threads safely
    type FenceData = ();
}
