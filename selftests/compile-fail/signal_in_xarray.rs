// SPDX-License-Identifier: GPL-2.0

//! A fence borrowed from an XArray is not signalled without being taken out.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;
use kernel::xarray::XArray;

fn case(jobs: &XArray<DriverFence<Ring>>) {
    let jobs = jobs.lock();

    if let Some(job) = jobs.get(1) {
        job.seqno();
        #[cfg(fault)]
        job.signal(Ok(())); //~ E0507 cannot move out of dereference
    }
}
