// SPDX-License-Identifier: GPL-2.0

//! The item of an IrqWork is shared with its body, so it must be Sync.

use dma_buf::{
    IrqWorkItem,
    Section, //
};

struct Item {
    #[cfg(fault)]
    _count: core::cell::Cell<u32>,
    #[cfg(not(fault))]
    _count: u32,
}

impl IrqWorkItem for Item {
    //~^ E0277 cannot be shared between threads safely
    fn run(&self, _section: &Section<'_>) {}
}
