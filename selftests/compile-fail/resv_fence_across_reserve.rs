// SPDX-License-Identifier: GPL-2.0

//! A fence of the list is not used once the list may have changed.

use dma_buf::resv::{
    Resv,
    ResvGuard,
    ResvUsage, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(guard: &mut ResvGuard<Arc<Resv>>) -> Result<u64> {
    let first = guard.fences(ResvUsage::Read).next();
    #[cfg(fault)]
    let _ = guard.reserve_one()?; //~ E0502 cannot borrow `*guard` as mutable

    Ok(first.map_or(0, |(fence, _)| fence.seqno()))
}
