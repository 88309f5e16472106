// SPDX-License-Identifier: GPL-2.0

//! A context's data is not used after the context has gone.

mod fixture;

use dma_buf::FenceContext;
use fixture::*;

fn case(ring: FenceContext<Ring>) -> u32 {
    let data: &Ring = &ring;
    #[cfg(fault)]
    drop(ring); //~ E0505 cannot move out of `ring` because it is borrowed

    data.number
}
