// SPDX-License-Identifier: GPL-2.0

//! Publication takes memory, as it must not fail for want of it.

mod fixture;

use dma_buf::{
    DriverFenceAllocation,
    FenceContext, //
};
use fixture::*;

fn case(ring: &FenceContext<Ring>, memory: DriverFenceAllocation<Ring>) {
    #[cfg(fault)]
    let _first = ring.new_fence(Job { number: 1 }); //~ E0308 mismatched types
    let _second = ring.new_fence(memory);
}
