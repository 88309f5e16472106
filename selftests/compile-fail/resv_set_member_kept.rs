// SPDX-License-Identifier: GPL-2.0

//! A member of a set is not locked for longer than the set.

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
    let member = locked.get(0).ok_or(ENOENT)?;
    #[cfg(fault)]
    drop(locked); //~ E0505 cannot move out of `locked` because it is borrowed

    Ok(member.fences(Usage::Read).count())
}
