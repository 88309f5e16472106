// SPDX-License-Identifier: GPL-2.0

//! The memory of an array is for one array.

use dma_buf::FenceArrayAllocation;

fn case(memory: FenceArrayAllocation) {
    let _first = memory.build();
    #[cfg(fault)]
    let _second = memory.build(); //~ E0382 use of moved value: `memory`
}
