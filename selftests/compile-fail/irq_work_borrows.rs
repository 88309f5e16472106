// SPDX-License-Identifier: GPL-2.0

//! The item of an IrqWork may outlive whoever made it, so it borrows nothing.

use dma_buf::{
    IrqWorkItem,
    Section, //
};

struct Item<T>(T);

#[cfg(fault)]
impl<T: Send + Sync> IrqWorkItem for Item<T> {
    //~^ E0310 the parameter type `T` may not live long enough
    fn run(&self, _section: &Section<'_>) {}
}

#[cfg(not(fault))]
impl<T: Send + Sync + 'static> IrqWorkItem for Item<T> {
    fn run(&self, _section: &Section<'_>) {}
}
