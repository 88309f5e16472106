// SPDX-License-Identifier: GPL-2.0

//! A member that was looked at to find another one is looked at again after that is locked.

use dma_buf::resv::{
    Resv,
    ResvSet,
    ResvUsage, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(set: ResvSet<Arc<Resv>>, found: Arc<Resv>) -> Result {
    let locked = set.lock_with(|locking| {
        let (_, first) = locking.get(0).ok_or(ENOENT)?;
        let count = first.fences(ResvUsage::Read).count();

        #[cfg(fault)]
        locking.push(found.clone())?; //~ E0502 cannot borrow `*locking` as mutable
        #[cfg(fault)]
        let count = count + first.fences(ResvUsage::Read).count();
        if count == 0 {
            locking.push(found.clone())?;
        }
        Ok(())
    })?;

    drop(locked);
    Ok(())
}
