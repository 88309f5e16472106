// SPDX-License-Identifier: GPL-2.0

//! The item of a Work is shared with its body, so nobody changes it without a lock.

use dma_buf::{
    delegate::{
        Delegate,
        Work, //
    },
    SignallingSection, //
};

struct Item {
    count: u32,
}

impl Delegate for Item {
    fn run(&self, _section: &SignallingSection<'_>) {}
}

fn case(work: &mut Work<Item>) -> u32 {
    #[cfg(fault)]
    {
        work.count = 1; //~ E0594 cannot assign to data in dereference of
    }
    work.count
}
