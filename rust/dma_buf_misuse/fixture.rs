// SPDX-License-Identifier: GPL-2.0

//! What the cases have in common. The names of locks, domains and classes are in the
//! table, too.

use dma_buf::{
    callback::{
        FenceCallback,
        FenceCallbackRegistration, //
    },
    resv::Resv,
    DriverFence,
    Fence,
    FenceContext,
    FenceContextOps, //
};
use kernel::{
    new_spinlock,
    new_spinlock_irq,
    prelude::*,
    sync::{
        Arc,
        SpinLock,
        SpinLockIrq, //
    }, //
};

/// Fences without data or operations.
pub(crate) struct Mock;

#[vtable]
impl FenceContextOps for Mock {
    type FenceData = ();
}

pub(crate) fn context() -> Result<FenceContext<Mock>> {
    FenceContext::new(c"misuse", c"misuse", Mock)
}

/// The next fence of a context.
pub(crate) fn next<T>(context: &FenceContext<T>) -> Result<DriverFence<T>>
where
    T: FenceContextOps<FenceData = ()>,
{
    Ok(context.new_fence(context.new_fence_allocation(())?))
}

/// Registers a callback on a fence of a driver's, and has that signal.
pub(crate) fn signal_with<C: FenceCallback>(driver: DriverFence<Mock>, callback: C) -> Result {
    let mut registration = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;

    registration
        .as_mut()
        .register(driver.as_fence(), callback)?;
    driver.signal(Ok(()));
    Ok(())
}

/// A lock that sleeps, of a class of its own.
macro_rules! mutex {
    () => {
        kernel::sync::Arc::pin_init(kernel::new_mutex!((), "misuse_lock"), GFP_KERNEL)
    };
}
pub(crate) use mutex;

/// A lock that is taken with interrupts on.
pub(crate) fn spinlock() -> Result<Arc<SpinLock<()>>> {
    Arc::pin_init(new_spinlock!((), "misuse_lock"), GFP_KERNEL)
}

/// A lock that is taken with interrupts off.
pub(crate) fn irq_lock() -> Result<Arc<SpinLockIrq<()>>> {
    Arc::pin_init(new_spinlock_irq!((), "misuse_lock"), GFP_KERNEL)
}

pub(crate) fn resv() -> Result<Arc<Resv>> {
    Arc::pin_init(Resv::new(), GFP_KERNEL)
}

/// A driver's fence, for whoever comes first.
pub(crate) type Held = Arc<SpinLockIrq<Option<DriverFence<Mock>>>>;

pub(crate) fn held(driver: DriverFence<Mock>) -> Result<Held> {
    Arc::pin_init(new_spinlock_irq!(Some(driver), "misuse_held"), GFP_KERNEL)
}

/// Signals it, with the lock let go.
pub(crate) fn signal_held(held: &Held) {
    let driver = held.lock().take();

    driver.map(|driver| driver.signal(Ok(())));
}

/// A callback that takes a lock.
pub(crate) struct Locks(pub(crate) Arc<SpinLock<()>>);

// SAFETY: It breaks the rule against locks that are taken with interrupts on, on purpose:
// nobody holds the lock when a fence of these cases signals, so there is a report and no
// deadlock. No registration is leaked.
unsafe impl FenceCallback for Locks {
    fn called(&self, _fence: &Fence) {
        drop(self.0.lock());
    }
}
