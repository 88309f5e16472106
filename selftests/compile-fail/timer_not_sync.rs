// SPDX-License-Identifier: GPL-2.0

//! The item of a Timer is shared with its body, so it must be Sync.

use dma_buf::{
    Section,
    TimerItem, //
};

struct Item {
    #[cfg(fault)]
    _count: core::cell::Cell<u32>,
    #[cfg(not(fault))]
    _count: u32,
}

impl TimerItem for Item {
    //~^ E0277 cannot be shared between threads safely
    fn run(&self, _section: &Section<'_>) {}
}
