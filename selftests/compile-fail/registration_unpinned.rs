// SPDX-License-Identifier: GPL-2.0

//! A registration that could still move cannot be registered.

use dma_buf::{
    callback::{
        CallbackError,
        Complete,
        FenceCallbackRegistration, //
    },
    Fence, //
};
use kernel::prelude::*;

#[cfg(fault)]
type Reference<'a> = &'a mut FenceCallbackRegistration<Complete>;
#[cfg(not(fault))]
type Reference<'a> = Pin<&'a mut FenceCallbackRegistration<Complete>>;

fn case(
    registration: Reference<'_>,
    fence: &Fence,
    done: Complete,
) -> Result<(), CallbackError<Complete>> {
    registration.register(fence, done) //~ E0599 no method named `register` found
}
