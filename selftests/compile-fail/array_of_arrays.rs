// SPDX-License-Identifier: GPL-2.0

//! An array does not go into an array.

use dma_buf::{
    FenceArray,
    FenceArrayAllocation,
    Leaf, //
};
use kernel::sync::aref::ARef;

fn case(mut memory: FenceArrayAllocation, array: ARef<FenceArray>, leaf: ARef<Leaf>) {
    let _array = array;
    #[cfg(fault)]
    let _ = memory.push(_array); //~ E0308 mismatched types
    let _ = memory.push(leaf);
}
