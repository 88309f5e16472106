// SPDX-License-Identifier: GPL-2.0

//! A fence's data is used by operations on several CPUs, so it must be Sync.

mod fixture;

use dma_buf::FenceContextOps;
use fixture::*;
use kernel::prelude::*;

#[cfg(fault)]
type Data = core::cell::Cell<u32>;
#[cfg(not(fault))]
type Data = u32;

struct OwnRing;

#[vtable]
impl FenceContextOps for OwnRing {
    type FenceData = Data; //~ E0277 cannot be shared between threads safely
}
