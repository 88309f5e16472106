// SPDX-License-Identifier: GPL-2.0

//! Arrays of fences.

mod fixture;

use dma_buf::{
    array::{
        FenceArray,
        FenceArrayAllocation, //
    },
    chain::FenceChain, //
};
use fixture::*;

/// The memory of an array is for one array.
fn built(memory: FenceArrayAllocation) {
    let _first = memory.build();
    #[cfg(fault = "array_built_twice")]
    let _second = memory.build(); //~ E0382 use of moved value: `memory`
}

fn pushed(
    mut memory: FenceArrayAllocation,
    array: ARef<FenceArray>,
    link: ARef<FenceChain>,
    leaf: ARef<Leaf>,
) {
    // An array does not go into an array.
    #[cfg(fault = "array_of_arrays")]
    let _ = memory.push(array); //~ E0308 mismatched types

    // A link of a chain does not go into an array.
    #[cfg(fault = "array_of_links")]
    let _ = memory.push(link); //~ E0308 mismatched types

    let _ = memory.push(leaf);
}

/// An array is made of fences that are known to be leaves.
fn created(fences: KVec<ARef<Fence>>, leaves: KVec<ARef<Leaf>>) {
    #[cfg(fault = "array_of_fences")]
    let _array = FenceArray::create(fences); //~ E0308 mismatched types
    let _array = FenceArray::create(leaves);
}

/// The fences in an array are lent by the array.
fn lent(array: ARef<FenceArray>) -> usize {
    let members = array.fences();
    #[cfg(fault = "member_beyond_array")]
    drop(array); //~ E0505 cannot move out of `array` because it is borrowed
    members.len()
}
