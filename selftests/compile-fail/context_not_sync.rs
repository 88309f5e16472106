// SPDX-License-Identifier: GPL-2.0

//! A context's data is used by operations on several CPUs, so it must be Sync.

mod fixture;

use dma_buf::FenceContextOps;
use fixture::*;
use kernel::prelude::*;

struct OwnRing {
    #[cfg(fault)]
    _busy: core::cell::Cell<bool>,
    #[cfg(not(fault))]
    _busy: bool,
}

#[vtable]
impl FenceContextOps for OwnRing {
    //~^ E0277 cannot be shared between threads safely
    type FenceData = ();
}
