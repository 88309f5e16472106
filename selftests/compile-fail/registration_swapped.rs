// SPDX-License-Identifier: GPL-2.0

//! A registration is not swapped for another where it is pinned.

use dma_buf::callback::{
    Complete,
    FenceCallbackRegistration, //
};
use kernel::prelude::*;

type Registration = Pin<KBox<FenceCallbackRegistration<Complete>>>;

fn case(mut a: Registration, mut b: Registration) {
    #[cfg(fault)]
    core::mem::swap::<FenceCallbackRegistration<Complete>>(&mut a, &mut b);
    //~^ E0596 cannot borrow data in dereference
    //~| E0596 cannot borrow data in dereference
    core::mem::swap(&mut a, &mut b);
}
