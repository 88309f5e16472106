// SPDX-License-Identifier: GPL-2.0

//! A member of a set is not locked for longer than the set.

use dma_buf::resv::{
    Resv,
    ResvSet,
    ResvUsage, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(set: ResvSet<Arc<Resv>>) -> Result<usize> {
    let locked = set.lock();
    let (_, member) = locked.get(0).ok_or(ENOENT)?;
    #[cfg(fault)]
    drop(locked); //~ E0505 cannot move out of `locked` because it is borrowed

    Ok(member.fences(ResvUsage::Read).count())
}
