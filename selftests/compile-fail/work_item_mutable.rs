// SPDX-License-Identifier: GPL-2.0

//! The item of a Work is shared with its body, so nobody changes it without a lock.

use dma_buf::{
    Section,
    Work,
    WorkItem, //
};

struct Item {
    count: u32,
}

impl WorkItem for Item {
    fn run(&self, _section: &Section<'_>) {}
}

fn case(work: &mut Work<Item>) -> u32 {
    #[cfg(fault)]
    {
        work.count = 1; //~ E0594 cannot assign to data in dereference of
    }
    work.count
}
