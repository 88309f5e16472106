// SPDX-License-Identifier: GPL-2.0

//! The item of a delegate may outlive the function that made it, so it borrows nothing.

use dma_buf::{
    delegate::Delegate,
    SignallingSection, //
};

struct Item<T>(T);

#[cfg(fault)]
impl<T: Send + Sync> Delegate for Item<T> {
    //~^ E0310 the parameter type `T` may not live long enough
    fn run(&self, _section: &SignallingSection<'_>) {}
}

#[cfg(not(fault))]
impl<T: Send + Sync + 'static> Delegate for Item<T> {
    fn run(&self, _section: &SignallingSection<'_>) {}
}
