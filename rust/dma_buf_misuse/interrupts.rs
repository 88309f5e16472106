// SPDX-License-Identifier: GPL-2.0

//! Fences that are signalled in a hard interrupt, and locks that are not fit for one.

use crate::{
    cases,
    fixture::{
        context,
        held,
        irq_lock,
        mutex,
        next,
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
    with_a_lock,
    with_an_irq_lock,
    with_a_mutex,
);

/// What an interrupt does first.
enum Lock {
    None,
    Spin(Arc<SpinLock<()>>),
    Irq(Arc<SpinLockIrq<()>>),
    Mutex(Arc<Mutex<()>>),
}

/// The interrupt that tells of a job's end.
struct Interrupt {
    lock: Lock,
    job: Held,
}

impl Delegate for Interrupt {
    fn run(&self, _section: &SignallingSection<'_>) {
        match &self.lock {
            Lock::None => {}
            Lock::Spin(lock) => drop(lock.lock()),
            Lock::Irq(lock) => drop(lock.lock()),
            Lock::Mutex(lock) => drop(lock.lock()),
        }
        signal_held(&self.job);
    }
}

/// Has a fence signalled in an interrupt that takes a lock before.
fn interrupt(lock: Lock) -> Result {
    let context = context()?;
    let driver = next(&context)?;
    let fence = driver.fence();
    let work = IrqWork::new(Interrupt {
        lock,
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
    interrupt(Lock::None)
}

fn before_a_callback_with_a_lock() -> Result {
    interrupt(Lock::None)?;
    callback()
}

fn with_a_lock() -> Result {
    let lock = spinlock()?;

    drop(lock.lock());
    interrupt(Lock::Spin(lock))
}

fn with_an_irq_lock() -> Result {
    let lock = irq_lock()?;

    drop(lock.lock());
    interrupt(Lock::Irq(lock))
}

fn with_a_mutex() -> Result {
    interrupt(Lock::Mutex(mutex!()?))
}
