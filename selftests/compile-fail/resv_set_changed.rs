// SPDX-License-Identifier: GPL-2.0

//! A set does not change while it is locked.

use dma_buf::resv::{
    Resv,
    ResvSet, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(mut set: ResvSet<Arc<Resv>>, resv: Arc<Resv>) -> Result {
    let locked = set.lock();
    #[cfg(fault)]
    set.push(resv.clone())?; //~ E0382 borrow of moved value: `set`

    set = locked.unlock();
    set.push(resv)
}
