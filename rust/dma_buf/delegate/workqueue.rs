// SPDX-License-Identifier: GPL-2.0

//! Workqueues: those of this library, and those of drivers.
//!
//! The kernel crate has no way to make one.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::{
    bindings,
    lock::lock_class, //
};
use core::ptr::{
    null_mut,
    NonNull, //
};
use kernel::{
    impl_has_work,
    prelude::*,
    str::CStrExt,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        rcu,
        Arc, //
    },
    workqueue::{
        Queue,
        Work,
        WorkItem, //
    }, //
};

/// All make progress when memory is short: reclaim may wait for a fence.
const FLAGS: u32 = bindings::wq_flags_WQ_MEM_RECLAIM | bindings::wq_flags_WQ_UNBOUND;

/// Allocates a workqueue, and `max_active` of its works run at a time; 0 is the kernel's
/// choice.
///
/// Context: process; may sleep.
fn allocate(
    name: &CStr,
    flags: u32,
    max_active: i32,
) -> Result<NonNull<bindings::workqueue_struct>> {
    // SAFETY: The format takes a string.
    let queue = unsafe {
        bindings::alloc_workqueue_noprof(
            c"%s".as_char_ptr(),
            FLAGS | flags,
            max_active,
            name.as_char_ptr(),
        )
    };

    NonNull::new(queue).ok_or(ENOMEM)
}

/// A workqueue of this library, from its init to its exit, before which all modules that use
/// it have gone.
struct LibraryQueue(Atomic<*mut bindings::workqueue_struct>);

impl LibraryQueue {
    const fn new() -> Self {
        Self(Atomic::new(null_mut()))
    }

    fn create(&self, name: &CStr, flags: u32) -> Result {
        self.0.store(allocate(name, flags, 0)?.as_ptr(), Release);
        Ok(())
    }

    fn destroy(&self) {
        let queue = self.0.load(Acquire);

        if !queue.is_null() {
            // SAFETY: It was allocated by `create`, and all its users have gone.
            unsafe { bindings::destroy_workqueue(queue) };
        }
    }

    fn get(&self) -> &'static Queue {
        // SAFETY: The callers are called by other modules, which depend on this one.
        unsafe { Queue::from_raw(self.0.load(Acquire)) }
    }
}

/// Runs work that signals, and nothing that such work may have to wait for.
static SIGNALLING: LibraryQueue = LibraryQueue::new();

/// Runs work outside of sections.
static CLEANUP: LibraryQueue = LibraryQueue::new();

pub(super) fn signalling() -> &'static Queue {
    SIGNALLING.get()
}

pub(super) fn cleanup() -> &'static Queue {
    CLEANUP.get()
}

/// Owns the workqueues of this library.
pub(crate) struct LibraryQueues(());

impl LibraryQueues {
    /// # Safety
    ///
    /// Only to be called once, from this module's init.
    pub(crate) unsafe fn new() -> Result<Self> {
        let this = Self(());

        SIGNALLING.create(c"dma_buf_rs", bindings::wq_flags_WQ_HIGHPRI)?;
        CLEANUP.create(c"dma_buf_rs_cleanup", 0)?;
        Ok(this)
    }
}

impl Drop for LibraryQueues {
    fn drop(&mut self) {
        SIGNALLING.destroy();
        // What has run may have left objects to RCU that have workqueues to destroy.
        rcu::rcu_barrier();
        CLEANUP.destroy();
    }
}

/// A workqueue of the driver's own, for [`Work::new_on`](super::Work::new_on).
///
/// Its works run on any CPU (`WQ_UNBOUND`), with high priority, and also when memory is short.
/// It is drained and destroyed, in process context, when the last clone and the last
/// [`Work`](super::Work) that was made for it are gone.
///
/// Context of the drop: any.
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     delegate::{Delegate, Work, Workqueue},
///     SignallingSection,
/// };
/// use kernel::{prelude::*, sync::{Arc, Completion}};
///
/// struct Ring(Arc<Completion>);
///
/// impl Delegate for Ring {
///     fn run(&self, _section: &SignallingSection<'_>) {
///         self.0.complete_all();
///     }
/// }
///
/// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
/// let queue = Workqueue::new_ordered(c"mygpu")?;
/// let ring = Work::new_on(&queue, Ring(done.clone()))?;
///
/// ring.queue();
/// done.wait_for_completion();
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Workqueue(Arc<Shared>);

struct Shared {
    queue: NonNull<bindings::workqueue_struct>,
    /// Destroys the workqueue, where it may sleep. Taken by the drop.
    end: Option<Pin<KBox<End>>>,
}

#[pin_data]
struct End {
    #[pin]
    work: Work<End>,
    queue: NonNull<bindings::workqueue_struct>,
}

// SAFETY: A workqueue can be used, and destroyed, on any CPU.
unsafe impl Send for Shared {}
// SAFETY: As above.
unsafe impl Sync for Shared {}
// SAFETY: As above.
unsafe impl Send for End {}

impl Workqueue {
    /// Makes a workqueue that runs several works at a time. The kernel cuts a name off that
    /// is longer than 31 bytes. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `alloc_workqueue()`
    pub fn new(name: &CStr) -> Result<Self> {
        Self::with_flags(name, bindings::wq_flags_WQ_HIGHPRI, 0)
    }

    /// Makes a workqueue that runs one work at a time, in the order in which they were
    /// queued. As [`Self::new`] otherwise.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `alloc_ordered_workqueue()`
    pub fn new_ordered(name: &CStr) -> Result<Self> {
        let flags = bindings::wq_flags_WQ_HIGHPRI | bindings::wq_flags___WQ_ORDERED;

        Self::with_flags(name, flags, 1)
    }

    // Not inlined: the function and the lock class of `End` are this module's.
    #[inline(never)]
    fn with_flags(name: &CStr, flags: u32, max_active: i32) -> Result<Self> {
        let (class, key) = lock_class!(c"dma_buf_rs::Workqueue");
        let queue = allocate(name, flags, max_active)?;
        // From here on, its drop destroys the workqueue.
        let mut shared = Shared { queue, end: None };

        shared.end = Some(KBox::pin_init(
            pin_init!(End {
                work <- Work::new(class, key),
                queue,
            }),
            GFP_KERNEL,
        )?);
        Ok(Self(Arc::new(shared, GFP_KERNEL)?))
    }

    pub(super) fn get(&self) -> &Queue {
        // SAFETY: The workqueue exists as long as this.
        unsafe { Queue::from_raw(self.0.queue.as_ptr()) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        match self.end.take() {
            Some(end) => cleanup().enqueue(end),
            // SAFETY: `Workqueue::with_flags` has failed, where it may sleep, and the workqueue
            // has not been used.
            None => unsafe { bindings::destroy_workqueue(self.queue.as_ptr()) },
        }
    }
}

impl_has_work! {
    impl HasWork<Self> for End { self.work }
}

impl WorkItem for End {
    type Pointer = Pin<KBox<Self>>;

    #[inline(never)]
    fn run(this: Pin<KBox<Self>>) {
        // SAFETY: `Shared` is gone, so the workqueue is not used any more. What was queued on it
        // kept `Shared` until its body had returned.
        unsafe { bindings::destroy_workqueue(this.queue.as_ptr()) };
    }
}
