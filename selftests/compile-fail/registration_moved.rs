// SPDX-License-Identifier: GPL-2.0

//! A registration does not leave its Pin: the fence points to it.

use dma_buf::callback::{
    Complete,
    FenceCallbackRegistration, //
};
use kernel::prelude::*;

fn case(mut registration: Pin<&mut FenceCallbackRegistration<Complete>>) {
    let _ = registration.as_mut().cancel();
    #[cfg(fault)]
    let _moved = Pin::into_inner(registration); //~ E0277 cannot be unpinned
}
