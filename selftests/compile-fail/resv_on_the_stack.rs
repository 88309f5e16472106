// SPDX-License-Identifier: GPL-2.0

//! An object is locked by what keeps it, not by a borrow.

use dma_buf::resv::{
    Resv,
    ResvGuard, //
};
use kernel::sync::Arc;

fn case(resv: &Arc<Resv>) {
    #[cfg(fault)]
    drop(ResvGuard::lock(&**resv)); //~ E0277 the trait bound `&Resv: ResvHandle` is not satisfied
    #[cfg(not(fault))]
    drop(ResvGuard::lock(resv.clone()));
}
