// SPDX-License-Identifier: GPL-2.0

//! A name is not used once RCU is unlocked.

use dma_buf::Fence;
use kernel::sync::rcu;

fn case(fence: &Fence) -> bool {
    let guard = rcu::read_lock();
    let name = fence.driver_name(&guard);
    #[cfg(fault)]
    drop(guard); //~ E0505 cannot move out of `guard` because it is borrowed

    name.is_empty()
}
