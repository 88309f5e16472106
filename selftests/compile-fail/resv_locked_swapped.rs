// SPDX-License-Identifier: GPL-2.0

//! Two locked objects are not exchanged behind their guards.

use core::mem::swap;
use dma_buf::resv::{
    Resv,
    ResvGuard, //
};
use kernel::sync::Arc;

fn case(mut one: ResvGuard<Arc<Resv>>, mut other: ResvGuard<Arc<Resv>>) {
    #[cfg(fault)]
    swap(&mut *one, &mut *other); //~ E0277 the size for values of type
                                  // The guards can be exchanged.
    swap(&mut one, &mut other);
}
