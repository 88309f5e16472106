// SPDX-License-Identifier: GPL-2.0

//! A context's data outlives whoever made it, so it borrows nothing.

mod fixture;

use dma_buf::FenceContextOps;
use fixture::*;
use kernel::prelude::*;

struct OwnRing<T>(T);

#[cfg(fault)]
#[vtable]
impl<T: Send + Sync> FenceContextOps for OwnRing<T> {
    //~^ E0310 the parameter type `T` may not live long enough
    type FenceData = ();
}

#[cfg(not(fault))]
#[vtable]
impl<T: Send + Sync + 'static> FenceContextOps for OwnRing<T> {
    type FenceData = ();
}
