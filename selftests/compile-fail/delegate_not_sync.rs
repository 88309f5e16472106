// SPDX-License-Identifier: GPL-2.0

//! The item of a delegate is shared with its body, so it must be Sync.

use dma_buf::{
    delegate::Delegate,
    SignallingSection, //
};

struct Item {
    #[cfg(fault)]
    _count: core::cell::Cell<u32>,
    #[cfg(not(fault))]
    _count: u32,
}

impl Delegate for Item {
    //~^ E0277 cannot be shared between threads safely
    fn run(&self, _section: &SignallingSection<'_>) {}
}
