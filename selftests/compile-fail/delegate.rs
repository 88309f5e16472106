// SPDX-License-Identifier: GPL-2.0

//! Delegates: what runs in a signalling section of its own.

mod fixture;

use core::cell::Cell;
use dma_buf::delegate::{
    Delegate,
    IrqWork,
    SignallingWork,
    Timer, //
};
use fixture::*;

struct Borrows<T>(T);

/// The item of a delegate may outlive the function that made it, so it borrows nothing.
#[cfg(fault = "delegate_borrows")]
impl<T: Send + Sync> Delegate for Borrows<T> {
    //~^ E0310 the parameter type `T` may not live long enough
    fn run(&self, _section: &SignallingSection<'_>) {}
}

#[cfg(not(fault = "delegate_borrows"))]
impl<T: Send + Sync + 'static> Delegate for Borrows<T> {
    fn run(&self, _section: &SignallingSection<'_>) {}
}

/// The item of a delegate is shared with its body, so it must be Sync.
struct NotSync {
    #[cfg(fault = "delegate_not_sync")]
    _count: Cell<u32>,
}

impl Delegate for NotSync {
    //~^ E0277 cannot be shared between threads safely
    fn run(&self, _section: &SignallingSection<'_>) {}
}

/// A work has a body, and who forgets it is told what it takes.
#[cfg(fault = "delegate_no_body")]
fn no_body() -> Result<SignallingWork<u32>> {
    //~^ E0277 `u32` has no body for a `SignallingWork`, an `IrqWork` or a `Timer`
    unreachable!()
}

/// The body of a delegate does not keep its section.
#[cfg(fault = "delegate_keeps_section")]
fn body(section: &SignallingSection<'_>) -> &'static SignallingSection<'static> {
    section //~ error lifetime may not live long enough
}

#[cfg(not(fault = "delegate_keeps_section"))]
fn body(_section: &SignallingSection<'_>) {}

struct Item {
    count: u32,
}

impl Delegate for Item {
    fn run(&self, section: &SignallingSection<'_>) {
        body(section);
    }
}

fn shared(
    irq_work: &mut IrqWork<Item>,
    timer: &mut Timer<Item>,
    work: &mut SignallingWork<Item>,
) -> u32 {
    // The item of an IrqWork is shared with its body, so it cannot be changed without a lock.
    #[cfg(fault = "irq_work_item_mutable")]
    {
        irq_work.count = 1; //~ E0594 cannot assign to data in dereference of
    }
    // The item of a Timer is shared with its body, so it cannot be changed without a lock.
    #[cfg(fault = "timer_item_mutable")]
    {
        timer.count = 1; //~ E0594 cannot assign to data in dereference of
    }
    // The item of a SignallingWork is shared with its body, so it cannot be changed without a lock.
    #[cfg(fault = "work_item_mutable")]
    {
        work.count = 1; //~ E0594 cannot assign to data in dereference of
    }
    irq_work.count + timer.count + work.count
}
