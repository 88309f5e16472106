// SPDX-License-Identifier: GPL-2.0

//! A fence that was dropped, and so cancelled, is not signalled.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: DriverFence<Ring>) {
    #[cfg(fault)]
    drop(job);
    job.signal(Ok(())); //~ E0382 use of moved value: `job`
}
