// SPDX-License-Identifier: GPL-2.0

//! A callback of the driver's own is a promise, so it takes unsafe.

use dma_buf::{
    callback::FenceCallback,
    Fence, //
};

struct Own;

#[cfg(fault)]
impl FenceCallback for Own {
    //~^ E0200 requires an `unsafe impl` declaration
    fn called(&self, _fence: &Fence) {}
}

#[cfg(not(fault))]
// SAFETY: It does nothing.
unsafe impl FenceCallback for Own {
    fn called(&self, _fence: &Fence) {}
}
