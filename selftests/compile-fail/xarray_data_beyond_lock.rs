// SPDX-License-Identifier: GPL-2.0

//! A fence's data borrowed from an XArray does not outlive the lock.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;
use kernel::xarray::XArray;

fn case(jobs: &XArray<DriverFence<Ring>>) -> u32 {
    let guard = jobs.lock();
    let Some(job) = guard.get(1) else { return 0 };
    #[cfg(fault)]
    drop(guard); //~ E0505 cannot move out of `guard` because it is borrowed

    job.data().number
}
