// SPDX-License-Identifier: GPL-2.0

//! A fence's data is not used after the fence has signalled.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: DriverFence<Ring>) -> u32 {
    let data = job.data();
    #[cfg(fault)]
    job.signal(Ok(())); //~ E0505 cannot move out of `job` because it is borrowed

    data.number
}
