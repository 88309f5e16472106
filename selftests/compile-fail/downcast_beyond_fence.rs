// SPDX-License-Identifier: GPL-2.0

//! What a downcast finds does not outlive the reference to the fence.

mod fixture;

use dma_buf::Fence;
use fixture::*;
use kernel::sync::{
    aref::ARef,
    rcu, //
};

fn case(fence: ARef<Fence>) -> u32 {
    let guard = rcu::read_lock();
    let Some((ring, job)) = fence.downcast::<Ring>(&guard) else {
        return 0;
    };
    #[cfg(fault)]
    drop(fence); //~ E0505 cannot move out of `fence` because it is borrowed

    ring.number + job.number
}
