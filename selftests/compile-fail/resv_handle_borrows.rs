// SPDX-License-Identifier: GPL-2.0

//! What a guard keeps does not borrow, as a forgotten one keeps it for ever.

use dma_buf::resv::{
    HasResv,
    Resv,
    ResvGuard, //
};
use kernel::sync::Arc;

struct Buffer<'a> {
    resv: &'a Resv,
}

impl HasResv for Buffer<'_> {
    fn resv(&self) -> &Resv {
        self.resv
    }
}

fn case(buffer: Arc<Buffer<'_>>) {
    #[cfg(fault)]
    drop(ResvGuard::lock(buffer)); //~ E0521 borrowed data escapes outside of function
    #[cfg(not(fault))]
    drop(buffer);
}

fn control(buffer: Arc<Buffer<'static>>) {
    drop(ResvGuard::lock(buffer));
}
