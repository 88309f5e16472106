// SPDX-License-Identifier: GPL-2.0

//! Work in process context that signals fences, now or after a while.
//!
//! Items run on a workqueue of this crate that always makes progress, short of
//! memory too (`WQ_MEM_RECLAIM`), and whose work nobody waits for but those who
//! wait for fences: what a fence's completion needs may depend on no less.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

mod queue;
mod raw;

pub(crate) use queue::Queue;
pub use raw::WorkQueuer;

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
use kernel::{
    prelude::*,
    time::Jiffies, //
};
use raw::RawWork;

/// What a [`Work`] does.
pub trait WorkItem: Send + Sync + Sized + 'static {
    /// The body. It runs in process context, in a signalling section, so it may
    /// sleep, but neither lock a reservation object nor allocate with
    /// `GFP_KERNEL`; not on two CPUs at once.
    fn run(&self, section: &Section<'_>);
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
unsafe impl<T: WorkItem> Tracked for Inner<T> {
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
    inner: TrackedBox<Inner<T>>,
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
            inner: TrackedBox::new(try_pin_init!(Inner {
                raw <- RawWork::new(TrackedBox::<Inner<T>>::OPS, Self::body),
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
    /// kernel takes. If it is queued, it stays so, for when it was to run.
    ///
    /// Any context.
    ///
    /// C function: `queue_delayed_work()`
    pub fn queue_after(&self, delay: Jiffies) -> bool {
        // SAFETY: The handle has a reference.
        unsafe { RawWork::queue(self.inner.as_ptr().cast(), delay) }
    }

    /// Something to queue the work by that does not depend on its type, for a
    /// callback. It does not keep the work from being dead when the module goes.
    ///
    /// Any context.
    pub fn queuer(&self) -> WorkQueuer {
        // SAFETY: The handle has a reference.
        unsafe { WorkQueuer::new(self.inner.as_ptr().cast()) }
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
        self.inner.get().raw.flush();
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
