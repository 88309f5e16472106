// SPDX-License-Identifier: GPL-2.0

//! Delegates that run in process context, and the workqueues that they run on.
//!
//! The kernel crate's work is what runs them; see `raw` for the reason why the driver does
//! not own that itself. It has no way to make a workqueue.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use super::{
    raw::{
        Backend,
        Body,
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
    lock::lock_class, //
};
use core::{
    marker::PhantomData,
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    impl_has_work,
    prelude::*,
    str::CStrExt,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        rcu,
        Arc, //
    },
    workqueue::{
        self,
        Queue,
        WorkItem, //
    }, //
};

/// The backend of a [`Work`] and of a [`CleanupWork`].
pub enum WorkBackend {}

/// The workqueue that a work runs on.
#[derive(Default)]
pub enum WorkTarget {
    #[default]
    Library,
    Driver(Workqueue),
    /// That of [`CleanupWork`].
    Cleanup,
}

impl Backend for WorkBackend {
    type Source = workqueue::Work<Raw<Self>>;
    type Data = WorkTarget;

    #[inline(never)]
    unsafe fn init(source: *mut Self::Source, target: &WorkTarget) {
        // A flush of the one may be allowed where that of the other is not.
        let (name, key) = match target {
            WorkTarget::Cleanup => lock_class!(c"dma_buf_rs::CleanupWork"),
            _ => lock_class!(c"dma_buf_rs::Work"),
        };

        // SAFETY: By the function's contract.
        unsafe { pin_init::raw_init(source, workqueue::Work::new(name, key)) };
    }

    fn quiesce(raw: &Raw<Self>) {
        match raw.data {
            WorkTarget::Cleanup => raw.flush(),
            _ => drop(raw.cancel()),
        }
    }

    fn is_busy(_raw: &Raw<Self>) -> bool {
        // Queued or running, it owns a reference, and none is left.
        false
    }
}

impl Queued for WorkBackend {
    #[inline(never)]
    fn queue(raw: &Raw<Self>) -> bool {
        // Once the module goes, and a grace period has passed, nothing is queued.
        let _rcu = rcu::read_lock();

        if raw.is_stopped() {
            return false;
        }
        let queue = match &raw.data {
            WorkTarget::Library => SIGNALLING.get(),
            WorkTarget::Driver(queue) => queue.get(),
            WorkTarget::Cleanup => CLEANUP.get(),
        };

        queue.enqueue(ARef::from(raw)).is_ok()
    }
}

impl_has_work! {
    impl HasWork<Self> for Raw<WorkBackend> { self.source }
}

impl WorkItem for Raw<WorkBackend> {
    /// What is queued owns a reference.
    type Pointer = ARef<Self>;

    // Text of this library, as it may be called when the driver's is gone.
    #[inline(never)]
    fn run(this: ARef<Self>) {
        let raw = ARef::into_raw(this);
        // SAFETY: The reference that the queued work owned; dropped when the body has
        // returned. The workqueue does not touch the work after this.
        let this = unsafe { ARef::from_raw(raw) };

        if !this.is_stopped() || matches!(this.data, WorkTarget::Cleanup) {
            // SAFETY: The driver's text stays until this returns, as its module, in going,
            // first marks the entry as stopped, and a grace period later waits for the work.
            unsafe { Raw::call(raw) };
        }
    }
}

impl Raw<WorkBackend> {
    fn as_raw(&self) -> *mut bindings::work_struct {
        // SAFETY: The pointer is valid.
        unsafe { workqueue::Work::raw_get(&self.source) }
    }

    fn cancel(&self) -> bool {
        // SAFETY: The work is initialised.
        let cancelled = unsafe { bindings::cancel_work_sync(self.as_raw()) };

        if cancelled {
            // SAFETY: The reference that the queued work owned; the caller has another.
            drop(unsafe { ARef::from_raw(NonNull::from(self)) });
        }
        cancelled
    }

    fn flush(&self) {
        // SAFETY: The work is initialised.
        unsafe { bindings::flush_work(self.as_raw()) };
    }
}

/// A [`Delegate`] that runs in process context, so it may sleep.
///
/// It runs on a dedicated workqueue of the library or of the driver, with `WQ_MEM_RECLAIM`, so that
/// fences also complete under memory pressure. It does not run on two CPUs at a time.
///
/// All works are of one lock class: the body of one must not flush or cancel another.
///
/// See [the module](super) for an example.
pub type Work<T> = DelegateOwner<WorkBackend, DelegateBody<T>>;

/// A counted reference to a [`Work`], of whatever item.
pub type WorkRef = DelegateRef<WorkBackend>;

impl<T: Delegate> Work<T> {
    /// Makes a work item that runs on a workqueue of the driver, which it keeps. Fails as
    /// [`Self::new`] does.
    ///
    /// Context: process; may sleep.
    pub fn new_on<E>(queue: &Workqueue, item: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::make(WorkTarget::Driver(queue.clone()), None, item)
    }

    /// Takes the work off its queue, and waits for the body if it runs. Returns `true` if
    /// the work was queued.
    ///
    /// Context: process; may sleep; not the body.
    ///
    /// C function: `cancel_work_sync()`
    pub fn cancel(&self) -> bool {
        self.raw().cancel()
    }
}

impl<R: Body<WorkBackend>> DelegateOwner<WorkBackend, R> {
    /// Waits for the body, if the work is queued or runs. First stop what queues it: a body that
    /// is queued later is not waited for.
    ///
    /// Context: process; may sleep; not the body, and no lock held that it takes. A cleanup work
    /// is not flushed in a signalling section.
    ///
    /// C function: `flush_work()`
    pub fn flush(&self) {
        self.raw().flush();
    }
}

/// The item of a [`CleanupWork`], with the body that it runs.
pub trait Cleanup: Send + Sync + Sized + 'static {
    /// Runs the body, outside of signalling sections, and not on two CPUs at a time.
    ///
    /// Context: process; may sleep, lock reservation objects and allocate with `GFP_KERNEL`.
    fn run(&self);
}

/// The body of a [`Cleanup`].
pub struct CleanupBody<T>(PhantomData<T>);

impl<T: Cleanup> Body<WorkBackend> for CleanupBody<T> {
    type Item = T;

    fn data() -> WorkTarget {
        WorkTarget::Cleanup
    }

    fn run(item: &T) {
        item.run();
    }
}

/// A work item outside of signalling sections, to drop what a job held.
///
/// The last reference to a GEM object locks a reservation object, which nothing may do in a
/// section. So a job that is done hands what it held to a cleanup work.
///
/// If its module is unloaded when it is queued, it still runs, before the module is gone. No
/// fence may wait for it. A driver whose item must be empty when it is dropped, in softirq
/// context, [flushes](DelegateOwner::flush) the work first.
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     delegate::{Cleanup, CleanupWork},
///     resv::Resv,
/// };
/// use kernel::{new_spinlock_irq, prelude::*, sync::{Arc, SpinLockIrq}};
///
/// /// The buffers of jobs that are done.
/// #[pin_data]
/// struct Finished {
///     #[pin]
///     buffers: SpinLockIrq<KVec<Arc<Resv>>>,
/// }
///
/// impl Cleanup for Finished {
///     fn run(&self) {
///         // The closure gives up the lock before a buffer is locked, or dropped.
///         let next = || self.buffers.lock().pop();
///
///         while let Some(buffer) = next() {
///             buffer.with_lock(|_| ());
///         }
///     }
/// }
///
/// // Room for the buffers of all jobs that the ring takes.
/// let room = KVec::with_capacity(64, GFP_KERNEL)?;
/// let cleanup = CleanupWork::new(pin_init!(Finished {
///     buffers <- new_spinlock_irq!(room),
/// }))?;
/// # let buffer = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
///
/// // In the interrupt handler, which must neither allocate nor drop a buffer:
/// let pushed = cleanup.buffers.lock().push_within_capacity(buffer);
/// cleanup.queue();
/// # assert!(pushed.is_ok());
///
/// cleanup.flush();
/// assert!(cleanup.buffers.lock().is_empty());
/// # Ok::<(), Error>(())
/// ```
pub type CleanupWork<T> = DelegateOwner<WorkBackend, CleanupBody<T>>;

/// Allocates a workqueue, which makes progress when memory is short, as reclaim may wait for a
/// fence.
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
            bindings::wq_flags_WQ_MEM_RECLAIM | bindings::wq_flags_WQ_UNBOUND | flags,
            max_active,
            name.as_char_ptr(),
        )
    };

    NonNull::new(queue).ok_or(ENOMEM)
}

/// A workqueue of this library, from its init to its exit, before which all modules that use
/// it have gone.
struct LibraryQueue(Atomic<*mut bindings::workqueue_struct>);

/// Runs work that signals, and nothing that such work may have to wait for.
static SIGNALLING: LibraryQueue = LibraryQueue(Atomic::new(null_mut()));

/// Runs work outside of sections.
static CLEANUP: LibraryQueue = LibraryQueue(Atomic::new(null_mut()));

impl LibraryQueue {
    fn create(&self, name: &CStr, flags: u32) -> Result {
        // With as many works at a time as the kernel chooses.
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

/// A workqueue of the driver's own, for [`Work::new_on`]. It runs one work at a time, in the order
/// in which they were queued.
///
/// Works run on any CPU (`WQ_UNBOUND`), with high priority, and also when memory is short. The
/// workqueue is drained and destroyed, in process context, when the last clone and the last
/// [`Work`] that was made for it are gone.
///
/// Context of the drop: any.
///
/// # Examples
///
/// ```
/// use dma_buf::delegate::{Delegate, Work, Workqueue};
/// use kernel::prelude::*;
///
/// /// Makes two works that do not run at the same time.
/// fn works<T: Delegate>(one: T, other: T) -> Result<[Work<T>; 2]> {
///     let queue = Workqueue::new(c"mygpu")?;
///
///     Ok([Work::new_on(&queue, one)?, Work::new_on(&queue, other)?])
/// }
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
    work: workqueue::Work<End>,
    queue: NonNull<bindings::workqueue_struct>,
}

// SAFETY: A workqueue can be used, and destroyed, on any CPU.
unsafe impl Send for Shared {}
// SAFETY: As above.
unsafe impl Sync for Shared {}
// SAFETY: As above.
unsafe impl Send for End {}

impl Workqueue {
    /// Makes a workqueue. The kernel truncates the name to 31 bytes. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `alloc_ordered_workqueue()`
    // Not inlined: the function and the lock class of `End` are this module's.
    #[inline(never)]
    pub fn new(name: &CStr) -> Result<Self> {
        let flags = bindings::wq_flags_WQ_HIGHPRI | bindings::wq_flags___WQ_ORDERED;
        let (class, key) = lock_class!(c"dma_buf_rs::Workqueue");
        let queue = allocate(name, flags, 1)?;
        // From here on, its drop destroys the workqueue.
        let mut shared = Shared { queue, end: None };

        shared.end = Some(KBox::pin_init(
            pin_init!(End {
                work <- workqueue::Work::new(class, key),
                queue,
            }),
            GFP_KERNEL,
        )?);
        Ok(Self(Arc::new(shared, GFP_KERNEL)?))
    }

    fn get(&self) -> &Queue {
        // SAFETY: The workqueue exists as long as this.
        unsafe { Queue::from_raw(self.0.queue.as_ptr()) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        match self.end.take() {
            Some(end) => CLEANUP.get().enqueue(end),
            // SAFETY: `Workqueue::new` has failed, where it may sleep, and the workqueue has not
            // been used.
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
