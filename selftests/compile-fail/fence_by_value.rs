// SPDX-License-Identifier: GPL-2.0

//! A fence stays where it is: only references to it are passed on.

use dma_buf::Fence;
use kernel::sync::aref::ARef;

fn case(fence: &Fence) -> ARef<Fence> {
    #[cfg(fault)]
    let _moved = *fence; //~ E0507 cannot move out of `*fence`
    fence.into()
}
