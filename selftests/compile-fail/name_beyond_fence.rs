// SPDX-License-Identifier: GPL-2.0

//! A name does not outlive the reference to the fence.

use dma_buf::Fence;
use kernel::{
    sync::{
        aref::ARef,
        rcu, //
    }, //
};

fn case(fence: ARef<Fence>) -> bool {
    let guard = rcu::read_lock();
    let name = fence.driver_name(&guard);
    #[cfg(fault)]
    drop(fence); //~ E0505 cannot move out of `fence` because it is borrowed

    name.is_empty()
}
