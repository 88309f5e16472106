// SPDX-License-Identifier: GPL-2.0

//! Work in process context that signals fences, now or after a while.
//!
//! Items run on a workqueue of this crate that always makes progress, short of
//! memory too (`WQ_MEM_RECLAIM`), and whose work nobody waits for but those who
//! wait for fences: what a fence's completion needs may depend on no less.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

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
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        rcu, //
    },
    time::Jiffies,
    types::Opaque, //
};

/// What a [`Work`] does.
pub trait WorkItem: Send + Sync + Sized + 'static {
    /// The body. It runs in process context, in a signalling section, so it may
    /// sleep, but neither lock a reservation object nor allocate with
    /// `GFP_KERNEL`; not on two CPUs at once.
    fn run(&self, section: &Section<'_>);
}

/// `MAX_JIFFY_OFFSET`: a delay that is longer would lie in the past.
const MAX_DELAY: Jiffies = (isize::MAX as Jiffies >> 1) - 1;

/// The workqueue, from this module's init to its exit.
static QUEUE: Atomic<*mut bindings::workqueue_struct> = Atomic::new(core::ptr::null_mut());

/// Owns the workqueue.
pub(crate) struct Queue(());

impl Queue {
    /// Only to be called from this module's init.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Process context.
        let queue = unsafe { bindings::dma_buf_rs_alloc_workqueue() };

        if queue.is_null() {
            return Err(ENOMEM);
        }
        QUEUE.store(queue, Release);
        Ok(Self(()))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: All users have gone, as they depend on this module.
        unsafe { bindings::destroy_workqueue(QUEUE.load(Acquire)) };
    }
}

/// The part of a [`Work`] that does not depend on the item's type.
#[pin_data]
#[repr(C)]
struct RawWork {
    /// At the start, as the registry relies on it.
    entry: Entry,
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
    fn new(ops: &'static EntryOps, body: unsafe fn(NonNull<RawWork>)) -> impl PinInit<Self> {
        pin_init!(Self {
            entry: Entry::new(ops),
            work <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::dma_buf_rs_init_delayed_work(slot, Some(Self::run)) }
            }),
            body,
        })
    }

    /// # Safety
    ///
    /// The caller has a reference to the entry.
    #[inline(never)]
    unsafe fn queue(this: NonNull<Self>, delay: Jiffies) -> bool {
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
        // SAFETY: The work is initialised, and is not freed before it has run or
        // been cancelled, as it then owns the reference. The queue exists as
        // long as this module runs.
        let queued = unsafe {
            bindings::dma_buf_rs_queue_delayed_work(
                QUEUE.load(Acquire),
                raw.work.get(),
                delay.min(MAX_DELAY),
            )
        };
        if !queued {
            // SAFETY: The reference just taken; the caller has another.
            unsafe { Entry::put(this.cast()) };
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

        if !raw.entry.is_dead() {
            // SAFETY: It is what the body was made for. The driver's text stays
            // until this returns, as its module, in going, first marks the entry
            // dead and then waits for the work.
            unsafe { (raw.body)(this) };
        }
        // SAFETY: The reference that the queued work owns. The workqueue does not
        // touch the work after this.
        unsafe { Entry::put(this.cast()) };
    }

    /// Takes the work off the queue, and waits for the body; says whether it was
    /// on the queue. May sleep.
    ///
    /// # Safety
    ///
    /// The caller has a reference to the entry.
    unsafe fn cancel(this: NonNull<Self>) -> bool {
        // SAFETY: The work is initialised, and the caller's reference keeps it.
        let cancelled = unsafe { bindings::cancel_delayed_work_sync(this.as_ref().work.get()) };

        if cancelled {
            // SAFETY: The reference that the queued work owned; the caller has
            // another.
            unsafe { Entry::put(this.cast()) };
        }
        cancelled
    }
}

/// A reference by which anybody can queue a [`Work`], of whatever type; see
/// [`Work::queuer`].
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
    /// [`Work::queue`].
    pub fn queue(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { RawWork::queue(self.raw, 0) }
    }
}

impl Drop for WorkQueuer {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { Entry::put(self.raw.cast()) };
    }
}

#[pin_data]
#[repr(C)]
struct Inner<T: WorkItem> {
    /// At the start, as the body relies on it.
    #[pin]
    raw: RawWork,
    #[pin]
    item: T,
}

// SAFETY: The raw part, which starts it, starts with the entry, which `Work::new`
// makes.
unsafe impl<T: WorkItem> Registered for Inner<T> {
    fn quiesce(&self) {
        // SAFETY: The registry holds a reference meanwhile.
        unsafe { RawWork::cancel(NonNull::from(self).cast()) };
    }

    fn is_busy(&self) -> bool {
        // Queued or running, it owns a reference, and none is left.
        false
    }
}

/// A work item that owns what it works on.
///
/// Dropping it does not wait. If it is queued, it still runs; then, a grace
/// period later, in softirq context, the item is dropped. If its module goes
/// first, it does not run any more.
///
/// All work items of this crate are of one lock class: one must not flush another.
///
/// # Examples
///
/// ```
/// use dma_buf::{Section, Work, WorkItem};
/// use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
///
/// struct Count(Atomic<i32>);
///
/// impl WorkItem for Count {
///     fn run(&self, _section: &Section<'_>) {
///         self.0.add(1, Relaxed);
///     }
/// }
///
/// let work = Work::new(Count(Atomic::new(0)))?;
/// work.queue();
/// work.flush();
/// assert_eq!(work.0.load(Relaxed), 1);
/// # Ok::<(), Error>(())
/// ```
pub struct Work<T: WorkItem> {
    inner: Handle<Inner<T>>,
}

impl<T: WorkItem> Work<T> {
    /// Makes a work item.
    ///
    /// Process context, may sleep. Fails with `ENOMEM`, or as `item` does.
    pub fn new<E>(item: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        Ok(Self {
            inner: Handle::new(try_pin_init!(Inner {
                raw <- RawWork::new(Handle::<Inner<T>>::ENTRY_OPS, Self::body),
                item <- item,
            }? Error))?,
        })
    }

    /// Has the body run once more; says whether it was not to do so anyway. While
    /// it is being cancelled, it stays so, and this says false.
    ///
    /// Any context.
    ///
    /// C function: `queue_work()`
    pub fn queue(&self) -> bool {
        self.queue_after(0)
    }

    /// [`Self::queue`], after so many jiffies; as late as can be, for more than the
    /// kernel takes.
    ///
    /// C function: `queue_delayed_work()`
    pub fn queue_after(&self, delay: Jiffies) -> bool {
        // SAFETY: The handle has a reference.
        unsafe { RawWork::queue(self.inner.as_ptr().cast(), delay) }
    }

    /// Something to queue the work by that does not depend on its type, for a
    /// callback. It does not keep the work from being dead when the module goes.
    pub fn queuer(&self) -> WorkQueuer {
        self.inner.get().raw.entry.get();
        // INVARIANT: The reference just taken.
        WorkQueuer {
            raw: self.inner.as_ptr().cast(),
        }
    }

    /// Takes the work off the queue, and waits for the body if it runs; says
    /// whether it was on the queue.
    ///
    /// Process context, may sleep; not in the body.
    ///
    /// C function: `cancel_delayed_work_sync()`
    pub fn cancel(&self) -> bool {
        // SAFETY: The handle has a reference.
        unsafe { RawWork::cancel(self.inner.as_ptr().cast()) }
    }

    /// Has the body run at once if the work is queued, and waits for it.
    ///
    /// Process context, may sleep; not in the body.
    ///
    /// C function: `flush_delayed_work()`
    pub fn flush(&self) {
        // SAFETY: The work is initialised.
        unsafe { bindings::flush_delayed_work(self.inner.get().raw.work.get()) };
    }

    /// Runs the item's body.
    ///
    /// # Safety
    ///
    /// `raw` starts a valid `Inner<T>`.
    unsafe fn body(raw: NonNull<RawWork>) {
        // SAFETY: By the function's contract.
        let inner = unsafe { raw.cast::<Inner<T>>().as_ref() };

        signalling(|section| inner.item.run(section));
    }
}

impl<T: WorkItem> Deref for Work<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner.get().item
    }
}
