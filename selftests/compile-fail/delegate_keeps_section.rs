// SPDX-License-Identifier: GPL-2.0

//! The body of a delegate does not keep its section.

use dma_buf::{
    delegate::Delegate,
    SignallingSection, //
};

struct Item;

#[cfg(fault)]
fn body(section: &SignallingSection<'_>) -> &'static SignallingSection<'static> {
    section //~ error lifetime may not live long enough
}
#[cfg(not(fault))]
fn body(_section: &SignallingSection<'_>) {}

impl Delegate for Item {
    fn run(&self, section: &SignallingSection<'_>) {
        body(section);
    }
}
