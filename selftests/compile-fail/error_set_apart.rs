// SPDX-License-Identifier: GPL-2.0

//! An error is not set but by the signal.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;
use kernel::error::code::EIO;

fn case(job: DriverFence<Ring>) {
    #[cfg(fault)]
    job.as_fence().set_error(EIO); //~ E0599 no method named `set_error` found
    job.signal(Err(EIO));
}
