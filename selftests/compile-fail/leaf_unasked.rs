// SPDX-License-Identifier: GPL-2.0

//! A leaf is not made of a fence without being asked.

use dma_buf::{
    Fence,
    Leaf, //
};
use kernel::sync::aref::ARef;

fn case(fence: ARef<Fence>) {
    #[cfg(fault)]
    let _leaf: ARef<Leaf> = fence.into(); //~ E0277 is not satisfied
    #[cfg(not(fault))]
    let _leaf: Result<ARef<Leaf>, ARef<Fence>> = Leaf::from_fence(fence);
}
