// SPDX-License-Identifier: GPL-2.0

//! Fences that are signalled in a hard interrupt, and what must not be done in one.

use crate::{
    allocation::allocate,
    cases,
    fixture::{
        context,
        held,
        irq_lock,
        mutex,
        next,
        resv,
        signal_held,
        signal_with,
        spinlock,
        Held,
        Locks, //
    }, //
};
use dma_buf::{
    delegate::{
        Delegate,
        IrqWork, //
    },
    resv::Resv,
    Fence,
    SignallingSection, //
};
use kernel::{
    prelude::*,
    sync::{
        Arc,
        Mutex,
        SpinLock,
        SpinLockIrq, //
    }, //
};

cases!(
    after_a_callback_with_a_lock,
    before_a_callback_with_a_lock,
    gfp_kernel,
    waits,
    with_a_lock,
    with_an_irq_lock,
    with_a_mutex,
    with_a_resv,
);

/// What an interrupt does first.
enum First {
    Nothing,
    Spin(Arc<SpinLock<()>>),
    Irq(Arc<SpinLockIrq<()>>),
    Mutex(Arc<Mutex<()>>),
    Resv(Arc<Resv>),
    Allocate,
    Wait,
}

/// The interrupt that tells of a job's end.
struct Interrupt {
    first: First,
    job: Held,
}

impl Delegate for Interrupt {
    fn run(&self, _section: &SignallingSection<'_>) {
        match &self.first {
            First::Nothing => {}
            First::Spin(lock) => drop(lock.lock()),
            First::Irq(lock) => drop(lock.lock()),
            First::Mutex(lock) => drop(lock.lock()),
            First::Resv(resv) => resv.with_lock(|_| ()),
            First::Allocate => drop(allocate(GFP_KERNEL)),
            First::Wait => drop(Fence::stub().wait()),
        }
        signal_held(&self.job);
    }
}

/// Has a fence signalled in an interrupt that does something else before.
fn interrupt(first: First) -> Result {
    let context = context()?;
    let driver = next(&context)?;
    let fence = driver.fence();
    let work = IrqWork::new(Interrupt {
        first,
        job: held(driver)?,
    })?;

    work.queue();
    Ok(fence.wait()?)
}

/// Has a fence signalled whose callback takes a lock that others take with interrupts on.
fn callback() -> Result {
    let lock = spinlock()?;
    let context = context()?;

    drop(lock.lock());
    signal_with(next(&context)?, Locks(lock))
}

fn after_a_callback_with_a_lock() -> Result {
    callback()?;
    interrupt(First::Nothing)
}

fn before_a_callback_with_a_lock() -> Result {
    interrupt(First::Nothing)?;
    callback()
}

fn with_a_lock() -> Result {
    let lock = spinlock()?;

    drop(lock.lock());
    interrupt(First::Spin(lock))
}

fn with_an_irq_lock() -> Result {
    let lock = irq_lock()?;

    drop(lock.lock());
    interrupt(First::Irq(lock))
}

fn with_a_mutex() -> Result {
    interrupt(First::Mutex(mutex!()?))
}

/// The lock is free, so taking it does not sleep.
fn with_a_resv() -> Result {
    interrupt(First::Resv(resv()?))
}

fn gfp_kernel() -> Result {
    interrupt(First::Allocate)
}

/// The fence has signalled, so it does not sleep.
fn waits() -> Result {
    interrupt(First::Wait)
}
