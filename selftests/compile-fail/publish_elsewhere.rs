// SPDX-License-Identifier: GPL-2.0

//! A fence is published in a context of its own type.

mod fixture;

use dma_buf::{
    DriverFenceAllocation,
    FenceContext, //
};
use fixture::*;

#[cfg(fault)]
type Context = FenceContext<OtherRing>;
#[cfg(not(fault))]
type Context = FenceContext<Ring>;

fn case(ring: &Context, memory: DriverFenceAllocation<Ring>) {
    let _fence = ring.new_fence(memory); //~ E0308 mismatched types
}
