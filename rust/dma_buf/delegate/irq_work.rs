// SPDX-License-Identifier: GPL-2.0

//! Delegates that run in hard interrupt context, at once.
//!
//! The kernel crate has no irq_work.
//!
//! C header: [`include/linux/irq_work.h`](srctree/include/linux/irq_work.h)

use super::{
    raw::{
        Backend,
        DelegateBody,
        Queued,
        Raw, //
    },
    Delegate,
    DelegateOwner,
    DelegateRef, //
};
use crate::{
    bindings,
    lock::{
        lock_class,
        PreemptOff, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    container_of,
    prelude::*,
    sync::Mutex,
    types::Opaque, //
};

/// The backend of an [`IrqWork`].
pub enum IrqWorkBackend {}

#[pin_data]
pub struct Source {
    #[pin]
    work: Opaque<bindings::irq_work>,
    /// Held by the task that waits for the work: if it sleeps, it is woken by a pointer in
    /// the work, of which there is only one (`rcuwait`).
    #[pin]
    waiter: Mutex<()>,
}

// SAFETY: An irq_work can be queued on any CPU.
unsafe impl Send for Source {}
// SAFETY: As above.
unsafe impl Sync for Source {}

impl Backend for IrqWorkBackend {
    type Source = Source;
    type Data = ();

    #[inline(never)]
    unsafe fn init(source: *mut Source, (): &()) {
        let (name, key) = lock_class!(c"dma_buf_rs::IrqWork::sync");
        let init = pin_init!(Source {
            work <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::dma_buf_rs_init_irq_work(slot, Some(run)) }
            }),
            // Not by the macro: see `lock_class`.
            waiter <- Mutex::new((), name, key),
        });

        // SAFETY: By the function's contract.
        unsafe { pin_init::raw_init(source, init) };
    }

    fn quiesce(raw: &Raw<Self>) {
        let _one = raw.source.waiter.lock();

        // SAFETY: The work is initialised, and no other task waits for it.
        unsafe { bindings::irq_work_sync(raw.source.work.get()) };
    }

    fn is_busy(raw: &Raw<Self>) -> bool {
        // SAFETY: The work is initialised.
        unsafe { bindings::dma_buf_rs_irq_work_is_busy(raw.source.work.get()) }
    }
}

impl Queued for IrqWorkBackend {
    #[inline]
    fn queue(raw: &Raw<Self>) -> bool {
        // Once the module goes, and a grace period has passed, nothing is queued.
        let _reader = PreemptOff::begin();

        if raw.is_stopped() {
            return false;
        }
        // SAFETY: The work is initialised. From here on until it has run it is busy, and so
        // is not freed, though it has no reference of its own.
        unsafe { bindings::irq_work_queue(raw.source.work.get()) }
    }
}

/// The function of an irq_work. Text of this library, as it may be called when the driver's
/// is gone.
///
/// # Safety
///
/// `work` is that of a `Raw<IrqWorkBackend>`, and was queued by [`Queued::queue`].
#[inline(never)]
unsafe extern "C" fn run(work: *mut bindings::irq_work) {
    // SAFETY: By the function's contract, the work is in a `Source`, and that in a `Raw`.
    let this = unsafe {
        let source = container_of!(Opaque::cast_from(work), Source, work);

        NonNull::new_unchecked(container_of!(source, Raw<IrqWorkBackend>, source).cast_mut())
    };

    // SAFETY: The core calls this inside an RCU read-side section: interrupts are off, or, with
    // PREEMPT_RT, its thread is in one. (Before 7.3 that was not so with PREEMPT_RT.) The work was
    // busy when that section began, and it is freed a grace period after it has been found idle.
    if !unsafe { this.as_ref() }.is_stopped() {
        // SAFETY: As above, and the driver's text stays until that section ends.
        unsafe { Raw::call(this) };
    }
}

/// A [`Delegate`] that runs in hard interrupt context, on the CPU that queues it.
///
/// Unless the kernel is `PREEMPT_RT`, its body runs with interrupts off. If it is queued again
/// while its body runs, the body may run on another CPU at the same time.
///
/// See [`Delegate`] for an example.
pub type IrqWork<T> = DelegateOwner<IrqWorkBackend, DelegateBody<T>>;

/// A counted reference to an [`IrqWork`], of whatever item.
pub type IrqWorkRef = DelegateRef<IrqWorkBackend>;

impl<T: Delegate> IrqWork<T> {
    /// Waits until the irq_work is neither queued nor running. If it is queued while its
    /// body runs, the last run may not be over.
    ///
    /// Context: process; may sleep; not the body.
    ///
    /// C function: `irq_work_sync()`
    pub fn sync(&self) {
        IrqWorkBackend::quiesce(self.raw());
    }

    /// Returns `true` if the irq_work is queued and has not begun to run.
    ///
    /// Context: any.
    ///
    /// C function: `irq_work_is_pending()`
    pub fn is_pending(&self) -> bool {
        // SAFETY: The work is initialised.
        unsafe { bindings::dma_buf_rs_irq_work_is_pending(self.raw().source.work.get()) }
    }

    /// Returns `true` if the irq_work is queued or running.
    ///
    /// Context: any.
    ///
    /// C function: `irq_work_is_busy()`
    pub fn is_busy(&self) -> bool {
        IrqWorkBackend::is_busy(self.raw())
    }
}
