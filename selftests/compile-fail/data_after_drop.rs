// SPDX-License-Identifier: GPL-2.0

//! A fence's data is not used after the handle has gone.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: DriverFence<Ring>) -> u32 {
    let data = job.data();
    #[cfg(fault)]
    drop(job); //~ E0505 cannot move out of `job` because it is borrowed

    data.number
}
