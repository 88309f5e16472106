// SPDX-License-Identifier: GPL-2.0

//! A walk does not outlive the object.

use dma_buf::resv::{
    Resv,
    ResvUsage, //
};
use kernel::sync::Arc;

fn case(resv: Arc<Resv>) -> bool {
    let mut walk = resv.fences_unlocked(ResvUsage::Read);
    #[cfg(fault)]
    drop(resv); //~ E0505 cannot move out of `resv` because it is borrowed

    walk.next().is_some()
}
