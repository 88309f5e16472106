// SPDX-License-Identifier: GPL-2.0

//! An allocation becomes one fence.

mod fixture;

use dma_buf::{
    DriverFenceAllocation,
    FenceContext, //
};
use fixture::*;

fn case(ring: &FenceContext<Ring>, memory: DriverFenceAllocation<Ring>) {
    let _first = ring.new_fence(memory);
    #[cfg(fault)]
    let _second = ring.new_fence(memory); //~ E0382 use of moved value: `memory`
}
