// SPDX-License-Identifier: GPL-2.0

//! A reference by a fence's kind does not outlive the one to the fence.

use dma_buf::{
    Fence,
    Kind, //
};
use kernel::sync::aref::ARef;

fn case(fence: ARef<Fence>) -> usize {
    let kind = fence.kind();
    #[cfg(fault)]
    drop(fence); //~ E0505 cannot move out of `fence` because it is borrowed
    match kind {
        Kind::Array(array) => array.len(),
        Kind::Leaf(_) | Kind::Chain(_) => 1,
    }
}
