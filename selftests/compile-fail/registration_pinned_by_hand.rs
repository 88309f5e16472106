// SPDX-License-Identifier: GPL-2.0

//! A registration that could still move cannot be pinned in passing.

use dma_buf::callback::{
    Complete,
    FenceCallbackRegistration, //
};
use kernel::prelude::*;

#[cfg(fault)]
fn case(registration: &mut FenceCallbackRegistration<Complete>) {
    let _ = Pin::new(registration).cancel(); //~ E0277 cannot be unpinned
}

#[cfg(not(fault))]
fn case(registration: Pin<&mut FenceCallbackRegistration<Complete>>) {
    let _ = registration.cancel();
}
