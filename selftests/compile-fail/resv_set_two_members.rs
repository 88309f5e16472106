// SPDX-License-Identifier: GPL-2.0

//! Two members of a set cannot be changed at a time, as they may be the same object.

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
    let mut locked = set.lock();
    let one = locked.get_mut(0).ok_or(ENOENT)?;
    #[cfg(fault)]
    let _two = locked.get_mut(1); //~ E0499 cannot borrow `locked` as mutable more than once

    Ok(one.fences(ResvUsage::Read).count())
}
