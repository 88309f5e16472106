// SPDX-License-Identifier: GPL-2.0

//! The item of an IrqWork is shared with its body, so nobody changes it without a lock.

use dma_buf::{
    delegate::{
        Delegate,
        IrqWork, //
    },
    SignallingSection, //
};

struct Item {
    count: u32,
}

impl Delegate for Item {
    fn run(&self, _section: &SignallingSection<'_>) {}
}

fn case(work: &mut IrqWork<Item>) -> u32 {
    #[cfg(fault)]
    {
        work.count = 1; //~ E0594 cannot assign to data in dereference of
    }
    work.count
}
