// SPDX-License-Identifier: GPL-2.0

//! A fence signals once.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: DriverFence<Ring>) {
    job.signal(Ok(()));
    #[cfg(fault)]
    job.signal(Err(kernel::error::code::EIO)); //~ E0382 use of moved value: `job`
}
