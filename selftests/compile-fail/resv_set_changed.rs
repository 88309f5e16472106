// SPDX-License-Identifier: GPL-2.0

//! A set that is locked does not change.

use dma_buf::{
    Resv,
    ResvSet, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(set: &mut ResvSet<Arc<Resv>>, resv: Arc<Resv>) -> Result {
    let locked = set.lock()?;
    #[cfg(fault)]
    set.push(resv.clone())?; //~ E0499 cannot borrow `*set` as mutable more than once
    #[cfg(fault)]
    set.clear()?; //~ E0499 cannot borrow `*set` as mutable more than once

    drop(locked);
    set.push(resv)
}
