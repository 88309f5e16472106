// SPDX-License-Identifier: GPL-2.0

//! The item of a Work may outlive whoever made it, so it borrows nothing.

use dma_buf::{
    Section,
    WorkItem, //
};

struct Item<T>(T);

#[cfg(fault)]
impl<T: Send + Sync> WorkItem for Item<T> {
    //~^ E0310 the parameter type `T` may not live long enough
    fn run(&self, _section: &Section<'_>) {}
}

#[cfg(not(fault))]
impl<T: Send + Sync + 'static> WorkItem for Item<T> {
    fn run(&self, _section: &Section<'_>) {}
}
