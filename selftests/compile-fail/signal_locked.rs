// SPDX-License-Identifier: GPL-2.0

//! A fence is not signalled but with its lock taken for that.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: DriverFence<Ring>) {
    #[cfg(fault)]
    job.signal_locked(Ok(())); //~ E0599 no method named `signal_locked` found
    #[cfg(not(fault))]
    job.signal(Ok(()));
}
