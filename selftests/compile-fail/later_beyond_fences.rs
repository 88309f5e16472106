// SPDX-License-Identifier: GPL-2.0

//! The later of two fences is one of them, and goes with them.

use dma_buf::{
    Fence,
    Later, //
};
use kernel::sync::aref::ARef;

fn case(a: ARef<Fence>, b: ARef<Fence>) -> u64 {
    let later = a.later(&b);
    #[cfg(fault)]
    drop(b); //~ E0505 cannot move out of `b` because it is borrowed

    match later {
        Some(Later::Pending(fence)) => fence.seqno(),
        _ => 0,
    }
}
