// SPDX-License-Identifier: GPL-2.0

//! A slot in a set does not outlive its locks.

use dma_buf::{
    Leaf,
    Resv,
    ResvSet,
    Usage, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(set: &mut ResvSet<Arc<Resv>>, fence: &Leaf) -> Result {
    let mut locked = set.lock()?;
    let slot = locked.reserve(1)?.slot(0).ok_or(ENOSPC)?;
    #[cfg(fault)]
    drop(locked); //~ E0505 cannot move out of `locked` because it is borrowed

    slot.add(fence, Usage::Read);
    Ok(())
}
