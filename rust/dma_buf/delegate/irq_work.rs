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
        QueueBackend,
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
    sync::{
        barrier::{
            smp_mb,
            Read, //
        },
        Mutex, //
    },
    types::Opaque, //
};

/// The backend of an [`IrqWork`].
pub enum IrqWorkBackend {}

#[pin_data]
pub struct IrqWorkSource {
    #[pin]
    work: Opaque<bindings::irq_work>,
    /// Held while waiting for the work, which has room for one waiting task (`rcuwait`).
    #[pin]
    sync_lock: Mutex<()>,
}

// SAFETY: An irq_work can be queued on any CPU.
unsafe impl Send for IrqWorkSource {}
// SAFETY: As above.
unsafe impl Sync for IrqWorkSource {}

impl Backend for IrqWorkBackend {
    type Source = IrqWorkSource;
    type Data = ();

    #[inline(never)]
    unsafe fn init(source: *mut IrqWorkSource, (): &()) {
        let (name, key) = lock_class!(c"dma_buf_rs::IrqWork::sync");
        let init = pin_init!(IrqWorkSource {
            work <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::dma_buf_rs_init_irq_work(slot, Some(run)) }
            }),
            // Not by the macro: see `lock_class`.
            sync_lock <- Mutex::new((), name, key),
        });

        // SAFETY: By the function's contract.
        unsafe { pin_init::raw_init(source, init) };
    }

    fn quiesce(raw: &Raw<Self>) {
        let _guard = raw.source.sync_lock.lock();

        // SAFETY: The work is initialised, and no other task waits for it.
        unsafe { bindings::irq_work_sync(raw.source.work.get()) };
    }

    fn is_busy(raw: &Raw<Self>) -> bool {
        // SAFETY: The work is initialised.
        unsafe { bindings::dma_buf_rs_irq_work_is_busy(raw.source.work.get()) }
    }
}

impl QueueBackend for IrqWorkBackend {
    #[inline]
    fn queue(raw: &Raw<Self>) -> bool {
        // Nothing is queued once the module's unload has stopped the entry and waited for a grace
        // period.
        let _reader = PreemptOff::begin();

        if raw.is_stopped() {
            return false;
        }
        // SAFETY: The work is initialised. From here on until it has run it is busy, and so
        // is not freed, though it has no reference of its own.
        unsafe { bindings::irq_work_queue(raw.source.work.get()) }
    }
}

/// The function of an irq_work. It is text of this module, as it may be called when the driver's
/// text is gone.
///
/// # Safety
///
/// `work` is that of a `Raw<IrqWorkBackend>`, and was queued by [`QueueBackend::queue`].
#[inline(never)]
unsafe extern "C" fn run(work: *mut bindings::irq_work) {
    // SAFETY: By the function's contract, the work is in an `IrqWorkSource`, and that in a `Raw`.
    let this = unsafe {
        let source = container_of!(Opaque::cast_from(work), IrqWorkSource, work);

        NonNull::new_unchecked(container_of!(source, Raw<IrqWorkBackend>, source).cast_mut())
    };

    // SAFETY: The core calls this inside an RCU read-side section: interrupts are off, or, with
    // PREEMPT_RT, its thread is in one. The work was busy when that section began, and is freed a
    // grace period after it was found idle.
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

/// A counted reference to an [`IrqWork`] with any item.
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
        // The flag was read without order. The caller may read what the body has written.
        smp_mb(Read);
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
        let is_busy = IrqWorkBackend::is_busy(self.raw());

        // As in `sync`.
        smp_mb(Read);
        is_busy
    }
}
