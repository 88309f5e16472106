// SPDX-License-Identifier: GPL-2.0

//! A driver's fence is signalled by its owner, not by who has borrowed it.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;

fn case(job: &DriverFence<Ring>) {
    job.seqno();
    #[cfg(fault)]
    job.signal(Ok(())); //~ E0507 cannot move out of `*job`
}
