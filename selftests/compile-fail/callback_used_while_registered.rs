// SPDX-License-Identifier: GPL-2.0

//! While it is registered, a callback belongs to the fence.

use dma_buf::{
    callback::{
        Complete,
        FenceCallbackRegistration, //
    },
    Fence, //
};
use kernel::prelude::*;

fn case(
    registration: Pin<&mut FenceCallbackRegistration<Complete>>,
    fence: &Fence,
    done: Complete,
) {
    let _ = registration.register(fence, done);
    #[cfg(fault)]
    done.0.complete_all(); //~ E0382 borrow of moved value: `done`
}
