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

use crate::{
    bindings,
    registry::{
        Entry,
        EntryOps,
        Handle,
        Registered, //
    },
    section::{
        signalling,
        Section, //
    }, //
};
use core::{
    mem::offset_of,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::rcu,
    types::Opaque, //
};

/// What an [`IrqWork`] does.
pub trait IrqWorkItem: Send + Sync + Sized + 'static {
    /// The body. It runs in a signalling section, with interrupts off unless the
    /// kernel is `PREEMPT_RT`; on one CPU at a time.
    fn run(&self, section: &Section<'_>);
}

/// The part of an [`IrqWork`] that does not depend on the item's type.
#[pin_data]
#[repr(C)]
pub(crate) struct RawIrqWork {
    /// At the start, as the registry relies on it.
    entry: Entry,
    #[pin]
    work: Opaque<bindings::irq_work>,
    /// Runs the item's body.
    body: unsafe fn(NonNull<RawIrqWork>),
}

// SAFETY: An irq_work can be queued anywhere.
unsafe impl Send for RawIrqWork {}
// SAFETY: As above.
unsafe impl Sync for RawIrqWork {}

impl RawIrqWork {
    fn new(ops: &'static EntryOps, body: unsafe fn(NonNull<RawIrqWork>)) -> impl PinInit<Self> {
        pin_init!(Self {
            entry: Entry::new(ops),
            work <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::dma_buf_rs_init_irq_work(slot, Some(Self::run)) }
            }),
            body,
        })
    }

    /// # Safety
    ///
    /// The caller has a reference to the entry.
    #[inline]
    unsafe fn queue(this: NonNull<Self>) -> bool {
        // SAFETY: The caller's reference keeps it valid.
        let raw = unsafe { this.as_ref() };

        // Once the module goes, and a grace period has passed, nothing is queued.
        let _rcu = rcu::read_lock();
        if raw.entry.is_dead() {
            return false;
        }
        // The reference is taken before, as the body may have run by the time
        // that queueing returns.
        raw.entry.get();
        // SAFETY: The work is initialised, and is not freed before it has run,
        // as it then owns the reference.
        let queued = unsafe { bindings::irq_work_queue(raw.work.get()) };
        if !queued {
            // SAFETY: The reference just taken; the caller has another.
            unsafe { Entry::put(this.cast()) };
        }
        queued
    }

    /// The function of the irq_work. Text of this module, as it may be called
    /// when the driver's is gone.
    ///
    /// # Safety
    ///
    /// `work` is the one in a `RawIrqWork`, and was queued by [`Self::queue`].
    #[inline(never)]
    unsafe extern "C" fn run(work: *mut bindings::irq_work) {
        // SAFETY: By the function's contract; the work owns a reference.
        let this =
            unsafe { NonNull::new_unchecked(work.byte_sub(offset_of!(Self, work)).cast::<Self>()) };
        // SAFETY: As above.
        let raw = unsafe { this.as_ref() };

        {
            // Elsewhere interrupts are off, and that is enough for RCU.
            #[cfg(CONFIG_PREEMPT_RT)]
            let _rcu = rcu::read_lock();

            if !raw.entry.is_dead() {
                // SAFETY: It is what the body was made for, and the driver's
                // text stays until the RCU read-side section ends.
                unsafe { (raw.body)(this) };
            }
        }
        // SAFETY: The reference that the queued work owns. The core touches the
        // work after this, but the memory stays for a grace period, and then
        // until the work is not busy.
        unsafe { Entry::put(this.cast()) };
    }

    fn is_busy(&self) -> bool {
        // SAFETY: The work is initialised.
        unsafe { bindings::dma_buf_rs_irq_work_is_busy(self.work.get()) }
    }

    /// Waits until the work neither runs nor is about to. May sleep.
    fn sync(&self) {
        // SAFETY: The work is initialised.
        unsafe { bindings::irq_work_sync(self.work.get()) };
    }
}

/// A reference by which anybody can queue an [`IrqWork`], of whatever type; see
/// [`IrqWork::queuer`].
///
/// # Invariants
///
/// Owns a reference to the entry in `raw`.
pub struct IrqWorkQueuer {
    raw: NonNull<RawIrqWork>,
}

// SAFETY: An irq_work can be queued anywhere.
unsafe impl Send for IrqWorkQueuer {}
// SAFETY: As above.
unsafe impl Sync for IrqWorkQueuer {}

impl IrqWorkQueuer {
    /// [`IrqWork::queue`].
    #[inline]
    pub fn queue(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { RawIrqWork::queue(self.raw) }
    }
}

impl Drop for IrqWorkQueuer {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { Entry::put(self.raw.cast()) };
    }
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
unsafe impl<T: IrqWorkItem> Registered for Inner<T> {
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
    inner: Handle<Inner<T>>,
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
        let inner = Handle::new(try_pin_init!(Inner {
            raw <- RawIrqWork::new(Handle::<Inner<T>>::ENTRY_OPS, Self::body),
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
    pub fn queuer(&self) -> IrqWorkQueuer {
        self.raw().entry.get();
        // INVARIANT: The reference just taken.
        IrqWorkQueuer {
            raw: self.inner.as_ptr().cast(),
        }
    }

    /// Waits until the work neither runs nor is about to.
    ///
    /// Process context, may sleep; not in the body.
    ///
    /// C function: `irq_work_sync()`
    pub fn sync(&self) {
        self.raw().sync()
    }

    /// Whether the work is queued and has not begun to run.
    ///
    /// C function: `irq_work_is_pending()`
    pub fn is_pending(&self) -> bool {
        // SAFETY: The work is initialised.
        unsafe { bindings::dma_buf_rs_irq_work_is_pending(self.raw().work.get()) }
    }

    /// Whether the work is queued or running.
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
