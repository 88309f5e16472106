// SPDX-License-Identifier: GPL-2.0

//! A published fence's data is shared, so nobody changes it without a lock.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: &mut DriverFence<Ring>) -> u32 {
    #[cfg(fault)]
    {
        job.data().number = 2; //~ E0594 cannot assign to data in a `&` reference
    }
    job.data().number
}
