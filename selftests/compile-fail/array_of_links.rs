// SPDX-License-Identifier: GPL-2.0

//! A link of a chain does not go into an array.

use dma_buf::{
    FenceArrayAllocation,
    FenceChain,
    Leaf, //
};
use kernel::sync::aref::ARef;

fn case(mut memory: FenceArrayAllocation, link: ARef<FenceChain>, leaf: ARef<Leaf>) {
    let _link = link;
    #[cfg(fault)]
    let _ = memory.push(_link); //~ E0308 mismatched types
    let _ = memory.push(leaf);
}
