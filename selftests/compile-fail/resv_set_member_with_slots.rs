// SPDX-License-Identifier: GPL-2.0

//! While there are slots in a set, nothing else is done to its members.

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
    let mut slots = locked.reserve(1)?;
    #[cfg(fault)]
    let _member = locked.get(0); //~ E0499 cannot borrow `locked` as mutable more than once

    slots.add_to_all(fence, Usage::Read)
}
