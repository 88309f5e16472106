// SPDX-License-Identifier: GPL-2.0

//! A name does not go to another thread with its guard, which stays.

mod fixture;

use dma_buf::Fence;
use fixture::*;
use kernel::{
    prelude::*,
    sync::rcu, //
};

struct Named<'a> {
    _name: &'a CStr,
    #[cfg(fault)]
    _guard: &'a rcu::Guard,
}

fn case(fence: &Fence) {
    let guard = rcu::read_lock();

    let named = Named {
        _name: fence.driver_name(&guard),
        #[cfg(fault)]
        _guard: &guard,
    };
    require_send(named); //~ E0277 cannot be shared between threads safely
}
