// SPDX-License-Identifier: GPL-2.0

//! The part of an irq_work that knows nothing of what it does.

use crate::{
    bindings,
    lock::lock_class,
    reader::PreemptReader,
    registry::{
        TrackedEntry,
        TrackedOps, //
    }, //
};
use core::{
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::Mutex,
    types::Opaque, //
};

/// The part of an [`IrqWork`](super::IrqWork) that does not depend on the item's type.
#[pin_data]
#[repr(C)]
pub(crate) struct RawIrqWork {
    /// At the start, as the registry relies on it.
    entry: TrackedEntry,
    #[pin]
    work: Opaque<bindings::irq_work>,
    /// Held by who waits for the work: where that sleeps, it is woken by a pointer
    /// in the work, which there is one of (`rcuwait`).
    #[pin]
    waiter: Mutex<()>,
    /// Runs the item's body.
    body: unsafe fn(NonNull<RawIrqWork>),
}

// SAFETY: An irq_work can be queued anywhere.
unsafe impl Send for RawIrqWork {}
// SAFETY: As above.
unsafe impl Sync for RawIrqWork {}

impl RawIrqWork {
    pub(super) fn new(
        ops: &'static TrackedOps,
        body: unsafe fn(NonNull<RawIrqWork>),
    ) -> impl PinInit<Self> {
        let (name, key) = lock_class!(c"dma_buf_rs::IrqWork::sync");

        pin_init!(Self {
            entry: TrackedEntry::new(ops),
            // Not by the macro: see `lock_class`.
            waiter <- Mutex::new((), name, key),
            work <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::dma_buf_rs_init_irq_work(slot, Some(Self::run)) }
            }),
            body,
        })
    }

    /// [`IrqWork::queue`](super::IrqWork::queue).
    ///
    /// # Safety
    ///
    /// The caller has a reference to the entry.
    #[inline]
    pub(super) unsafe fn queue(this: NonNull<Self>) -> bool {
        // SAFETY: The caller's reference keeps it valid.
        let raw = unsafe { this.as_ref() };

        // Once the module goes, and a grace period has passed, nothing is queued.
        let _reader = PreemptReader::begin();
        if raw.entry.is_stopped() {
            return false;
        }
        // SAFETY: The work is initialised. From here on until it runs it is busy, and
        // so is not freed, though it has no reference of its own.
        unsafe { bindings::irq_work_queue(raw.work.get()) }
    }

    /// The function of the irq_work. Text of this module, as it may be called
    /// when the driver's is gone.
    ///
    /// # Safety
    ///
    /// `work` is the one in a `RawIrqWork`, and was queued by [`Self::queue`].
    #[inline(never)]
    unsafe extern "C" fn run(work: *mut bindings::irq_work) {
        // SAFETY: By the function's contract.
        let this =
            unsafe { NonNull::new_unchecked(work.byte_sub(offset_of!(Self, work)).cast::<Self>()) };

        // SAFETY: The core calls this inside an RCU read-side section: interrupts are
        // off, or, with PREEMPT_RT, its thread is in one. The work was busy when that
        // began, and it is freed a grace period after it has been found idle.
        if !unsafe { this.as_ref() }.entry.is_stopped() {
            // SAFETY: It is what the body was made for, and the driver's text stays
            // until that read-side section ends.
            unsafe { (this.as_ref().body)(this) };
        }
    }

    /// Whether the work is queued and has not begun to run.
    pub(super) fn is_pending(&self) -> bool {
        // SAFETY: The work is initialised.
        unsafe { bindings::dma_buf_rs_irq_work_is_pending(self.work.get()) }
    }

    /// Whether the work is queued or running.
    pub(super) fn is_busy(&self) -> bool {
        // SAFETY: The work is initialised.
        unsafe { bindings::dma_buf_rs_irq_work_is_busy(self.work.get()) }
    }

    /// Waits until the work neither runs nor is about to. May sleep.
    pub(super) fn sync(&self) {
        let _one = self.waiter.lock();

        // SAFETY: The work is initialised, and nobody else waits for it.
        unsafe { bindings::irq_work_sync(self.work.get()) };
    }
}

/// A reference by which anybody can queue an [`IrqWork`](super::IrqWork), of whatever
/// type; see [`IrqWork::queuer`](super::IrqWork::queuer).
///
/// Dropped in any context: the item's own drop comes later, if this was the last that
/// kept it.
///
/// # Examples
///
/// ```
/// use dma_buf::{IrqWork, IrqWorkItem, IrqWorkQueuer, Section};
/// use kernel::{prelude::*, sync::{Arc, Completion}};
///
/// struct Retire(Arc<Completion>);
///
/// impl IrqWorkItem for Retire {
///     fn run(&self, _section: &Section<'_>) {
///         self.0.complete_all();
///     }
/// }
///
/// /// Knows nothing of what will run.
/// fn interrupt(queuer: &IrqWorkQueuer) {
///     queuer.queue();
/// }
///
/// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
/// let queuer = IrqWork::new(Retire(done.clone()))?.queuer();
/// interrupt(&queuer);
/// done.wait_for_completion();
/// # Ok::<(), Error>(())
/// ```
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
    /// # Safety
    ///
    /// The caller has a reference to the entry in `raw`.
    pub(super) unsafe fn new(raw: NonNull<RawIrqWork>) -> Self {
        // SAFETY: The caller's reference keeps it valid.
        unsafe { raw.as_ref() }.entry.get();
        // INVARIANT: The reference just taken.
        Self { raw }
    }

    /// [`IrqWork::queue`](super::IrqWork::queue).
    ///
    /// Any context, NMI included.
    ///
    /// C function: `irq_work_queue()`
    #[inline]
    pub fn queue(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { RawIrqWork::queue(self.raw) }
    }
}

impl Drop for IrqWorkQueuer {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { TrackedEntry::put(self.raw.cast()) };
    }
}
