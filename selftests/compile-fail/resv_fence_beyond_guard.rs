// SPDX-License-Identifier: GPL-2.0

//! A fence of the list does not outlive the lock, but a reference to it does.

use dma_buf::{
    resv::{
        Resv,
        ResvGuard,
        ResvUsage, //
    },
    Fence, //
};
use kernel::sync::{
    aref::ARef,
    Arc, //
};

fn case(resv: Arc<Resv>) -> Option<ARef<Fence>> {
    let guard = ResvGuard::lock(resv);
    let (fence, _) = guard.fences(ResvUsage::Read).next()?;
    let kept = ARef::from(fence);
    #[cfg(fault)]
    drop(guard); //~ E0505 cannot move out of `guard` because it is borrowed

    (fence.seqno() == 1).then_some(kept)
}
