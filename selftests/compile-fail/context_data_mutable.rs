// SPDX-License-Identifier: GPL-2.0

//! A context's data is shared with operations, so nobody changes it without a lock.

mod fixture;

use dma_buf::FenceContext;
use fixture::*;

fn case(ring: &mut FenceContext<Ring>) -> u32 {
    #[cfg(fault)]
    {
        ring.number = 2; //~ E0594 cannot assign to data in dereference of
    }
    ring.number
}
