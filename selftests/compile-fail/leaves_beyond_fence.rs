// SPDX-License-Identifier: GPL-2.0

//! A walk over the leaves of a fence does not outlive the reference to it.

use dma_buf::Fence;
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

fn case(fence: ARef<Fence>) -> Result<bool> {
    let mut leaves = fence.leaves();
    #[cfg(fault)]
    drop(fence); //~ E0505 cannot move out of `fence` because it is borrowed
    Ok(leaves.next()?.is_some())
}
