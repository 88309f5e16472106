// SPDX-License-Identifier: GPL-2.0

//! An array is made of fences that are known to be leaves.

use dma_buf::{
    Fence,
    FenceArray,
    Leaf, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

fn case(fences: KVec<ARef<Fence>>, leaves: KVec<ARef<Leaf>>) {
    let _fences = fences;
    #[cfg(fault)]
    let _array = FenceArray::new(_fences); //~ E0308 mismatched types
    let _array = FenceArray::new(leaves);
}
