// SPDX-License-Identifier: GPL-2.0

//! A callback may outlive whoever registered it, so it borrows nothing.

use dma_buf::{
    callback::FenceCallback,
    Fence, //
};

struct Own<T>(T);

#[cfg(fault)]
// SAFETY: It does nothing.
unsafe impl<T: Send + Sync> FenceCallback for Own<T> {
    //~^ E0310 the parameter type `T` may not live long enough
    fn called(&self, _fence: &Fence) {}
}

#[cfg(not(fault))]
// SAFETY: It does nothing.
unsafe impl<T: Send + Sync + 'static> FenceCallback for Own<T> {
    fn called(&self, _fence: &Fence) {}
}
