// SPDX-License-Identifier: GPL-2.0

//! Work in hard interrupt context, as soon as may be.
//!
//! An irq_work is what a driver queues where it may not signal, or not yet: in
//! a callback of another fence, under a lock. It stands in for the interrupt of
//! a real device as well.
//!
//! With `PREEMPT_RT` the body runs in a thread for each CPU instead.
//!
//! C header: [`include/linux/irq_work.h`](srctree/include/linux/irq_work.h)

mod raw;

pub use raw::IrqWorkQueuer;

use crate::{
    registry::{
        Tracked,
        TrackedBox, //
    },
    section::{
        signalling,
        Section, //
    }, //
};
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::prelude::*;
use raw::RawIrqWork;

/// What an [`IrqWork`] does.
pub trait IrqWorkItem: Send + Sync + Sized + 'static {
    /// The body. It runs in a signalling section, with interrupts off unless the
    /// kernel is `PREEMPT_RT`. If the work is queued once more while it runs, it may
    /// run on another CPU at the same time.
    fn run(&self, section: &Section<'_>);
}

#[pin_data]
#[repr(C)]
struct Inner<T: IrqWorkItem> {
    /// At the start, as the body relies on it.
    #[pin]
    raw: RawIrqWork,
    #[pin]
    item: T,
}

// SAFETY: The raw part, which starts it, starts with the entry, which
// `IrqWork::new` makes.
unsafe impl<T: IrqWorkItem> Tracked for Inner<T> {
    fn quiesce(&self) {
        self.raw.sync();
    }

    fn is_busy(&self) -> bool {
        self.raw.is_busy()
    }
}

/// An irq_work that owns what it works on.
///
/// Dropping it does not wait. If it is queued, it still runs; then, a grace
/// period later, in softirq context, the item is dropped. If its module goes
/// first, it does not run any more.
///
/// # Examples
///
/// ```
/// use dma_buf::{IrqWork, IrqWorkItem, Section};
/// use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
///
/// struct Count(Atomic<i32>);
///
/// impl IrqWorkItem for Count {
///     fn run(&self, _section: &Section<'_>) {
///         self.0.add(1, Relaxed);
///     }
/// }
///
/// let work = IrqWork::new(Count(Atomic::new(0)))?;
/// work.queue();
/// work.sync();
/// assert_eq!(work.0.load(Relaxed), 1);
/// # Ok::<(), Error>(())
/// ```
///
pub struct IrqWork<T: IrqWorkItem> {
    inner: TrackedBox<Inner<T>>,
}

impl<T: IrqWorkItem> IrqWork<T> {
    /// Makes an irq_work.
    ///
    /// Process context, may sleep. Fails with `ENOMEM`, or as `item` does.
    ///
    /// C function: `init_irq_work()`
    pub fn new<E>(item: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        let inner = TrackedBox::new(try_pin_init!(Inner {
            raw <- RawIrqWork::new(TrackedBox::<Inner<T>>::OPS, Self::body),
            item <- item,
        }? Error))?;

        Ok(Self { inner })
    }

    fn raw(&self) -> &RawIrqWork {
        &self.inner.get().raw
    }

    /// Has the body run once more, soon, on this CPU; says whether it was not to
    /// do so anyway.
    ///
    /// Any context, NMI included.
    ///
    /// C function: `irq_work_queue()`
    #[inline]
    pub fn queue(&self) -> bool {
        // SAFETY: The handle has a reference.
        unsafe { RawIrqWork::queue(self.inner.as_ptr().cast()) }
    }

    /// Something to queue the work by that does not depend on its type, for a
    /// callback. It does not keep the work from being dead when the module goes.
    ///
    /// Any context.
    pub fn queuer(&self) -> IrqWorkQueuer {
        // SAFETY: The handle has a reference.
        unsafe { IrqWorkQueuer::new(self.inner.as_ptr().cast()) }
    }

    /// Waits until the work neither runs nor is about to; if it was queued while it
    /// ran, the last run may not be over.
    ///
    /// Process context, may sleep; not in the body.
    ///
    /// C function: `irq_work_sync()`
    pub fn sync(&self) {
        self.raw().sync()
    }

    /// Whether the work is queued and has not begun to run.
    ///
    /// Any context.
    ///
    /// C function: `irq_work_is_pending()`
    pub fn is_pending(&self) -> bool {
        self.raw().is_pending()
    }

    /// Whether the work is queued or running.
    ///
    /// Any context.
    ///
    /// C function: `irq_work_is_busy()`
    pub fn is_busy(&self) -> bool {
        self.raw().is_busy()
    }

    /// Runs the item's body.
    ///
    /// # Safety
    ///
    /// `raw` starts a valid `Inner<T>`.
    unsafe fn body(raw: NonNull<RawIrqWork>) {
        // SAFETY: By the function's contract.
        let inner = unsafe { raw.cast::<Inner<T>>().as_ref() };

        signalling(|section| inner.item.run(section));
    }
}

impl<T: IrqWorkItem> Deref for IrqWork<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner.get().item
    }
}
