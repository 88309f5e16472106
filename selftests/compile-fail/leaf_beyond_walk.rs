// SPDX-License-Identifier: GPL-2.0

//! A leaf that a walk lends goes with the walk.

use dma_buf::Fence;
use kernel::prelude::*;

fn case(fence: &Fence) -> Result<u64> {
    let mut leaves = fence.leaves();
    let Some(first) = leaves.next()? else {
        return Ok(0);
    };
    #[cfg(fault)]
    drop(leaves); //~ E0505 cannot move out of `leaves` because it is borrowed
    Ok(first.seqno())
}
