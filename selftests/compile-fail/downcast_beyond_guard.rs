// SPDX-License-Identifier: GPL-2.0

//! What a downcast finds is not used once RCU is unlocked.

mod fixture;

use dma_buf::Fence;
use fixture::*;
use kernel::sync::rcu;

fn case(fence: &Fence) -> u32 {
    let guard = rcu::read_lock();
    let Some((ring, job)) = fence.downcast::<Ring>(&guard) else {
        return 0;
    };
    #[cfg(fault)]
    drop(guard); //~ E0505 cannot move out of `guard` because it is borrowed

    ring.number + job.number
}
