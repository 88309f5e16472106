// SPDX-License-Identifier: GPL-2.0

//! The memory of a link is for one link.

use dma_buf::{
    FenceChainAllocation,
    Flat, //
};

fn case(memory: FenceChainAllocation, flat: Flat) {
    let _first = memory.append(None, flat.clone(), 1);
    #[cfg(fault)]
    let _second = memory.append(None, flat, 2); //~ E0382 use of moved value: `memory`
}
