// SPDX-License-Identifier: GPL-2.0

//! The body of an irq_work does not keep its section.

use dma_buf::{
    IrqWorkItem,
    Section, //
};

struct Item;

#[cfg(fault)]
fn body(section: &Section<'_>) -> &'static Section<'static> {
    section //~ error lifetime may not live long enough
}
#[cfg(not(fault))]
fn body(_section: &Section<'_>) {}

impl IrqWorkItem for Item {
    fn run(&self, section: &Section<'_>) {
        body(section);
    }
}
