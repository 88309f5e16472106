// SPDX-License-Identifier: GPL-2.0

//! The right to signal cannot be doubled.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: &DriverFence<Ring>) {
    let _fence = job.fence();
    #[cfg(fault)]
    let _second: DriverFence<Ring> = job.clone(); //~ E0308 mismatched types
}
