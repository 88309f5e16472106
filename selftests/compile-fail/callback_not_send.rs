// SPDX-License-Identifier: GPL-2.0

//! A callback runs on any CPU, so it must be Send.

use dma_buf::{
    callback::FenceCallback,
    Fence, //
};

#[cfg(fault)]
struct Own(kernel::types::NotThreadSafe);
#[cfg(not(fault))]
struct Own(());

// SAFETY: Sharing it gives access to nothing.
unsafe impl Sync for Own {}

// SAFETY: It does nothing.
unsafe impl FenceCallback for Own {
    //~^ E0277 cannot be sent between threads safely
    fn called(&self, _fence: &Fence) {}
}
