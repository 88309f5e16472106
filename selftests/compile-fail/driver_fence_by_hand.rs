// SPDX-License-Identifier: GPL-2.0

//! A handle is only made by publication.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: DriverFence<Ring>) -> DriverFence<Ring> {
    #[cfg(fault)]
    let job = DriverFence::from_inner(job.inner);
    //~^ E0624 associated function `from_inner` is private
    //~| E0616 field `inner` of struct `DriverFence` is private
    job
}
