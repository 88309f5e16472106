// SPDX-License-Identifier: GPL-2.0

//! A fence's data is dropped on any CPU, so it must be Send.

mod fixture;

use dma_buf::FenceContextOps;
use fixture::*;
use kernel::prelude::*;

#[cfg(fault)]
struct Data(kernel::types::NotThreadSafe);
#[cfg(not(fault))]
struct Data(());

// SAFETY: Sharing it gives access to nothing.
unsafe impl Sync for Data {}

struct OwnRing;

#[vtable]
impl FenceContextOps for OwnRing {
    type FenceData = Data; //~ E0277 cannot be sent between threads safely
}
