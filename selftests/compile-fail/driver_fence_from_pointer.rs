// SPDX-License-Identifier: GPL-2.0

//! A handle that lived as a pointer is not taken back without unsafe.

mod fixture;

use dma_buf::DriverFence;
use fixture::*;
use kernel::types::ForeignOwnable;

fn case(job: DriverFence<Ring>) {
    let ptr = job.into_foreign();

    #[cfg(fault)]
    <DriverFence<Ring>>::from_foreign(ptr); //~ E0133 call to unsafe function
    #[cfg(not(fault))]
    // SAFETY: It has just become one.
    unsafe {
        <DriverFence<Ring>>::from_foreign(ptr)
    };
}
