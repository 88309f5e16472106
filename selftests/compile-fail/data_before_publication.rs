// SPDX-License-Identifier: GPL-2.0

//! What was borrowed before publication does not stay mutable after it.

mod fixture;

use dma_buf::{
    DriverFenceAllocation,
    FenceContext, //
};
use fixture::*;

fn case(ring: &FenceContext<Ring>, mut memory: DriverFenceAllocation<Ring>) {
    let data = memory.data_mut();

    #[cfg(not(fault))]
    {
        data.number = 2;
    }
    let _fence = ring.new_fence(memory); //~ E0505 cannot move out of `memory`
    #[cfg(fault)]
    {
        data.number = 2;
    }
}
