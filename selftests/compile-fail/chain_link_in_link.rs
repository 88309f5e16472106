// SPDX-License-Identifier: GPL-2.0

//! A link of a chain is not contained in another.

use dma_buf::{
    FenceChain,
    FenceChainAllocation,
    Flat, //
};
use kernel::sync::aref::ARef;

fn case(memory: FenceChainAllocation, link: ARef<FenceChain>, flat: Flat) {
    let _link = link;
    #[cfg(fault)]
    let _new = memory.append(None, _link, 2); //~ E0277 is not satisfied
    #[cfg(not(fault))]
    let _new = memory.append(None, flat, 2);
}
