// SPDX-License-Identifier: GPL-2.0

//! A fence's data does not outlive the handle it is borrowed from.

mod fixture;

use dma_buf::{
    DriverFence,
    FenceContext, //
};
use fixture::*;
use kernel::prelude::*;

#[cfg(fault)]
type Answer<'a> = &'a Job;
#[cfg(not(fault))]
type Answer<'a> = u32;

fn case(ring: &FenceContext<Ring>) -> Result<Answer<'_>> {
    let job: DriverFence<Ring> = submit(ring)?;

    #[cfg(fault)]
    return Ok(job.data()); //~ E0515 cannot return value referencing local variable `job`
    #[cfg(not(fault))]
    return Ok(job.data().number);
}
