// SPDX-License-Identifier: GPL-2.0

//! A name does not outlive the RCU guard it was read under.

use dma_buf::Fence;
use kernel::{
    prelude::*,
    sync::rcu, //
};

#[cfg(fault)]
fn case(fence: &Fence) -> &CStr {
    let guard = rcu::read_lock();

    fence.driver_name(&guard) //~ E0515 cannot return value referencing local variable `guard`
}

#[cfg(not(fault))]
fn case<'a>(fence: &'a Fence, guard: &'a rcu::Guard) -> &'a CStr {
    fence.driver_name(guard)
}
