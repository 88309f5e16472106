// SPDX-License-Identifier: GPL-2.0

//! What is borrowed as a fence goes with the handle; a reference stays.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: DriverFence<Ring>) -> u64 {
    #[cfg(fault)]
    let fence = job.as_fence();
    #[cfg(not(fault))]
    let fence = job.fence();

    job.signal(Ok(())); //~ E0505 cannot move out of `job` because it is borrowed
    fence.seqno()
}
