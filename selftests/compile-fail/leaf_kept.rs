// SPDX-License-Identifier: GPL-2.0

//! A leaf that a walk lends is kept until the walk goes on.

use dma_buf::Fence;
use kernel::prelude::*;

fn case(fence: &Fence) -> Result<u64> {
    let mut leaves = fence.leaves();
    let Some(first) = leaves.next()? else {
        return Ok(0);
    };
    #[cfg(fault)]
    leaves.next()?; //~ E0499 cannot borrow `leaves` as mutable more than once at a time
    Ok(first.seqno())
}
