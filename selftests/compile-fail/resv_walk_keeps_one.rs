// SPDX-License-Identifier: GPL-2.0

//! A walk without the lock keeps one fence, until it goes on.

use dma_buf::resv::{
    Resv,
    ResvUsage, //
};

fn case(resv: &Resv) -> Option<u64> {
    let mut walk = resv.fences_unlocked(ResvUsage::Read);
    let first = walk.next()?;
    #[cfg(fault)]
    walk.next(); //~ E0499 cannot borrow `walk` as mutable more than once

    Some(first.seqno())
}
