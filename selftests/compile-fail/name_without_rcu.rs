// SPDX-License-Identifier: GPL-2.0

//! A name is not read without RCU.

use dma_buf::Fence;
use kernel::sync::rcu;

fn case(fence: &Fence) -> bool {
    #[cfg(fault)]
    let name = fence.driver_name(); //~ E0061 this method takes 1 argument
    #[cfg(not(fault))]
    let guard = rcu::read_lock();
    #[cfg(not(fault))]
    let name = fence.driver_name(&guard);

    name.is_empty()
}
