// SPDX-License-Identifier: GPL-2.0

//! Two members of a set are not lent at a time, as they may be the same object.

use dma_buf::{
    Resv,
    ResvLocked,
    ResvSet,
    Usage, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(set: &mut ResvSet<Arc<Resv>>) -> Result<usize> {
    let mut locked = set.lock()?;
    let one = locked.get(0).ok_or(ENOENT)?;
    #[cfg(fault)]
    let _two = locked.get(1); //~ E0499 cannot borrow `locked` as mutable more than once

    Ok(one.fences(Usage::Read).count())
}
