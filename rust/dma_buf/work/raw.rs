// SPDX-License-Identifier: GPL-2.0

//! The part of a work item that knows nothing of what it does.

use super::queue::queue;
use crate::{
    bindings,
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
    sync::rcu,
    time::Jiffies,
    types::Opaque, //
};

/// `MAX_JIFFY_OFFSET`: a delay that is longer would lie in the past.
const MAX_DELAY: Jiffies = (isize::MAX as Jiffies >> 1) - 1;

/// The part of a [`Work`](super::Work) that does not depend on the item's type.
#[pin_data]
#[repr(C)]
pub(super) struct RawWork {
    /// At the start, as the registry relies on it.
    entry: TrackedEntry,
    #[pin]
    work: Opaque<bindings::delayed_work>,
    /// Runs the item's body.
    body: unsafe fn(NonNull<RawWork>),
}

// SAFETY: Work can be queued anywhere.
unsafe impl Send for RawWork {}
// SAFETY: As above.
unsafe impl Sync for RawWork {}

impl RawWork {
    pub(super) fn new(
        ops: &'static TrackedOps,
        body: unsafe fn(NonNull<RawWork>),
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            entry: TrackedEntry::new(ops),
            work <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { Self::init(slot) }
            }),
            body,
        })
    }

    /// Not inlined: lockdep's keys are static items of where the C side does this, and
    /// that is inlined in turn on some kernels. In another module's memory there would
    /// be other ones, which go when it does.
    ///
    /// # Safety
    ///
    /// `slot` is valid for writes.
    #[inline(never)]
    unsafe fn init(slot: *mut bindings::delayed_work) {
        // SAFETY: By the function's contract.
        unsafe { bindings::dma_buf_rs_init_delayed_work(slot, Some(Self::run)) }
    }

    /// # Safety
    ///
    /// The caller has a reference to the entry.
    #[inline(never)]
    pub(super) unsafe fn queue(this: NonNull<Self>, delay: Jiffies) -> bool {
        // SAFETY: The caller's reference keeps it valid.
        let raw = unsafe { this.as_ref() };

        // Once the module goes, and a grace period has passed, nothing is queued.
        let _rcu = rcu::read_lock();
        if raw.entry.is_stopped() {
            return false;
        }
        // The reference is taken before, as the body may have run by the time
        // that queueing returns.
        raw.entry.get();
        // SAFETY: The work is initialised, and is not freed before it has run or
        // been cancelled, as it then owns the reference. The queue exists as
        // long as this module runs.
        let queued = unsafe {
            bindings::dma_buf_rs_queue_delayed_work(queue(), raw.work.get(), delay.min(MAX_DELAY))
        };
        if !queued {
            // SAFETY: The reference just taken; the caller has another.
            unsafe { TrackedEntry::put(this.cast()) };
        }
        queued
    }

    /// The function of the work. Text of this module, as it may be called when
    /// the driver's is gone.
    ///
    /// # Safety
    ///
    /// `work` is the one in a `RawWork`, and was queued by [`Self::queue`].
    #[inline(never)]
    unsafe extern "C" fn run(work: *mut bindings::work_struct) {
        // SAFETY: By the function's contract; the work owns a reference.
        let this = unsafe {
            NonNull::new_unchecked(
                work.byte_sub(offset_of!(bindings::delayed_work, work) + offset_of!(Self, work))
                    .cast::<Self>(),
            )
        };
        // SAFETY: As above.
        let raw = unsafe { this.as_ref() };

        if !raw.entry.is_stopped() {
            // SAFETY: It is what the body was made for. The driver's text stays
            // until this returns, as its module, in going, first marks the entry
            // stopped and then waits for the work.
            unsafe { (raw.body)(this) };
        }
        // SAFETY: The reference that the queued work owns. The workqueue does not
        // touch the work after this.
        unsafe { TrackedEntry::put(this.cast()) };
    }

    /// Takes the work off the queue, and waits for the body; says whether it was
    /// on the queue. May sleep.
    ///
    /// # Safety
    ///
    /// The caller has a reference to the entry.
    pub(super) unsafe fn cancel(this: NonNull<Self>) -> bool {
        // SAFETY: The work is initialised, and the caller's reference keeps it.
        let cancelled = unsafe { bindings::cancel_delayed_work_sync(this.as_ref().work.get()) };

        if cancelled {
            // SAFETY: The reference that the queued work owned; the caller has
            // another.
            unsafe { TrackedEntry::put(this.cast()) };
        }
        cancelled
    }

    /// Has the body run at once if the work is queued, and waits for it. May sleep.
    pub(super) fn flush(&self) {
        // SAFETY: The work is initialised.
        unsafe { bindings::flush_delayed_work(self.work.get()) };
    }
}

/// A reference by which anybody can queue a [`Work`](super::Work), of whatever type;
/// see [`Work::queuer`](super::Work::queuer).
///
/// Dropped in any context: the item's own drop comes later, if this was the last that
/// kept it.
///
/// # Examples
///
/// ```
/// use dma_buf::{Section, Work, WorkItem, WorkQueuer};
/// use kernel::{prelude::*, sync::{Arc, Completion}};
///
/// struct Retire(Arc<Completion>);
///
/// impl WorkItem for Retire {
///     fn run(&self, _section: &Section<'_>) {
///         self.0.complete_all();
///     }
/// }
///
/// /// Knows nothing of what will run.
/// fn interrupt(queuer: &WorkQueuer) {
///     queuer.queue();
/// }
///
/// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
/// let queuer = Work::new(Retire(done.clone()))?.queuer();
/// interrupt(&queuer);
/// done.wait_for_completion();
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// Owns a reference to the entry in `raw`.
pub struct WorkQueuer {
    raw: NonNull<RawWork>,
}

// SAFETY: Work can be queued anywhere.
unsafe impl Send for WorkQueuer {}
// SAFETY: As above.
unsafe impl Sync for WorkQueuer {}

impl WorkQueuer {
    /// # Safety
    ///
    /// The caller has a reference to the entry in `raw`.
    pub(super) unsafe fn new(raw: NonNull<RawWork>) -> Self {
        // SAFETY: The caller's reference keeps it valid.
        unsafe { raw.as_ref() }.entry.get();
        // INVARIANT: The reference just taken.
        Self { raw }
    }

    /// [`Work::queue`](super::Work::queue): work that is queued with a delay stays so.
    ///
    /// Any context.
    ///
    /// C function: `queue_work()`
    pub fn queue(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { RawWork::queue(self.raw, 0) }
    }
}

impl Drop for WorkQueuer {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { TrackedEntry::put(self.raw.cast()) };
    }
}
