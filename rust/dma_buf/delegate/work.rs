// SPDX-License-Identifier: GPL-2.0

//! Delegates that run in process context, and the workqueues that they run on.
//!
//! The kernel crate's work runs them. See `raw` for the reason why the driver does not own it. The
//! kernel crate has no way to make a workqueue.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use super::{
    raw::{
        Backend,
        Body,
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

/// The backend of a [`SignallingWork`] and of a [`CleanupWork`].
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
        // Two classes, as one may be flushed where the other may not.
        let (name, key) = match target {
            WorkTarget::Cleanup => lock_class!(c"dma_buf_rs::CleanupWork"),
            _ => lock_class!(c"dma_buf_rs::SignallingWork"),
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
        // A work that is queued or running owns a reference, and no reference is left.
        false
    }
}

impl QueueBackend for WorkBackend {
    #[inline(never)]
    fn queue(raw: &Raw<Self>) -> bool {
        // Nothing is queued once the module's unload has stopped the entry and waited for a grace
        // period.
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
    /// A queued work owns a reference.
    type Pointer = ARef<Self>;

    // Text of this module, as it may be called when the driver's text is gone.
    #[inline(never)]
    fn run(this: ARef<Self>) {
        let raw = ARef::into_raw(this);
        // SAFETY: This is the reference that the queued work owned. It is dropped when the body has
        // returned; the workqueue does not touch the work any more.
        let this = unsafe { ARef::from_raw(raw) };

        if !this.is_stopped() || matches!(this.data, WorkTarget::Cleanup) {
            // SAFETY: The driver's text stays until this returns: the unload of its module marks
            // the entry as stopped, and a grace period later waits for the work.
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
            // SAFETY: This is the reference that the queued work owned. The caller has another one.
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
pub type SignallingWork<T> = DelegateOwner<WorkBackend, DelegateBody<T>>;

/// A counted reference to a [`SignallingWork`] with any item.
pub type WorkRef = DelegateRef<WorkBackend>;

impl<T: Delegate> SignallingWork<T> {
    /// Makes a work that runs on a workqueue of the driver, and keeps the workqueue. Fails as
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
    /// Waits for the body if the work is queued or running. Does not wait for a body that is queued
    /// later.
    ///
    /// Context: process; may sleep; not the body, and no lock held that it takes. A cleanup work
    /// must not be flushed in a signalling section.
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

/// A work that runs outside of signalling sections, to drop the objects that a job has used.
///
/// The last reference to a GEM object locks a reservation object, which nothing may do in a
/// section. So a job that is done passes its objects to a cleanup work.
///
/// If its module is unloaded while it is queued, it still runs, before the module is gone. No fence
/// may wait for it. A driver whose item must be empty when it is dropped, in softirq context,
/// [flushes](DelegateOwner::flush) the work first.
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

/// Allocates a workqueue that makes progress under memory pressure, as reclaim may wait for a
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

/// A workqueue of this library. It exists from the init of this module to its exit, when all
/// modules that use it are gone.
struct LibraryQueue(Atomic<*mut bindings::workqueue_struct>);

/// Runs works that signal, and none that those may have to wait for.
static SIGNALLING: LibraryQueue = LibraryQueue(Atomic::new(null_mut()));

/// Runs work outside of sections.
static CLEANUP: LibraryQueue = LibraryQueue(Atomic::new(null_mut()));

impl LibraryQueue {
    fn create(&self, name: &CStr, flags: u32) -> Result {
        // 0 selects the kernel's default number of works at a time.
        self.0.store(allocate(name, flags, 0)?.as_ptr(), Release);
        Ok(())
    }

    fn destroy(&self) {
        let queue = self.0.load(Acquire);

        if !queue.is_null() {
            // SAFETY: `create` allocated it, and all of its users are gone.
            unsafe { bindings::destroy_workqueue(queue) };
        }
    }

    fn get(&self) -> &'static Queue {
        // SAFETY: This is called for other modules, which depend on this one, and by RCU callbacks
        // that they have left, for which `LibraryQueues` waits before it destroys `CLEANUP`. So
        // this module's init has stored a workqueue, and its exit has not destroyed it yet.
        unsafe { Queue::from_raw(self.0.load(Acquire)) }
    }
}

/// Owns the workqueues of this library.
pub(crate) struct LibraryQueues(());

impl LibraryQueues {
    /// # Safety
    ///
    /// Must be called once, from this module's init.
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
        // RCU may still have objects whose drop destroys a workqueue, by a work on `CLEANUP`.
        rcu::rcu_barrier();
        CLEANUP.destroy();
    }
}

/// A workqueue of the driver's own, for [`SignallingWork::new_on`]. It runs one work at a time, in
/// the order in which they were queued.
///
/// Works run on any CPU (`WQ_UNBOUND`), with high priority, and under memory pressure, too. The
/// workqueue is drained and destroyed, in process context, when the last clone and the last
/// [`SignallingWork`] that was made for it are gone.
///
/// Context of the drop: any.
///
/// # Examples
///
/// ```
/// use dma_buf::delegate::{Delegate, SignallingWork, Workqueue};
/// use kernel::prelude::*;
///
/// /// Makes two works that do not run at the same time.
/// fn works<T: Delegate>(one: T, other: T) -> Result<[SignallingWork<T>; 2]> {
///     let queue = Workqueue::new(c"mygpu")?;
///
///     Ok([SignallingWork::new_on(&queue, one)?, SignallingWork::new_on(&queue, other)?])
/// }
/// ```
#[derive(Clone)]
pub struct Workqueue(Arc<WorkqueueInner>);

struct WorkqueueInner {
    queue: NonNull<bindings::workqueue_struct>,
    /// Destroys the workqueue, where it may sleep. Taken by the drop.
    destroy_work: Option<Pin<KBox<DestroyWork>>>,
}

#[pin_data]
struct DestroyWork {
    #[pin]
    work: workqueue::Work<DestroyWork>,
    queue: NonNull<bindings::workqueue_struct>,
}

// SAFETY: A workqueue can be used, and destroyed, on any CPU.
unsafe impl Send for WorkqueueInner {}
// SAFETY: As above.
unsafe impl Sync for WorkqueueInner {}
// SAFETY: As above.
unsafe impl Send for DestroyWork {}

impl Workqueue {
    /// Makes a workqueue. The kernel truncates the name to 31 bytes. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `alloc_ordered_workqueue()`
    // Not inlined: the function and the lock class of `DestroyWork` are this module's.
    #[inline(never)]
    pub fn new(name: &CStr) -> Result<Self> {
        let flags = bindings::wq_flags_WQ_HIGHPRI | bindings::wq_flags___WQ_ORDERED;
        let (class, key) = lock_class!(c"dma_buf_rs::Workqueue");
        let queue = allocate(name, flags, 1)?;
        // From here on, the drop of `inner` destroys the workqueue.
        let mut inner = WorkqueueInner {
            queue,
            destroy_work: None,
        };

        inner.destroy_work = Some(KBox::pin_init(
            pin_init!(DestroyWork {
                work <- workqueue::Work::new(class, key),
                queue,
            }),
            GFP_KERNEL,
        )?);
        Ok(Self(Arc::new(inner, GFP_KERNEL)?))
    }

    fn get(&self) -> &Queue {
        // SAFETY: The workqueue is destroyed only after `self` is dropped.
        unsafe { Queue::from_raw(self.0.queue.as_ptr()) }
    }
}

impl Drop for WorkqueueInner {
    fn drop(&mut self) {
        match self.destroy_work.take() {
            Some(work) => CLEANUP.get().enqueue(work),
            // SAFETY: `Workqueue::new` has failed, where it may sleep, and the workqueue has not
            // been used.
            None => unsafe { bindings::destroy_workqueue(self.queue.as_ptr()) },
        }
    }
}

impl_has_work! {
    impl HasWork<Self> for DestroyWork { self.work }
}

impl WorkItem for DestroyWork {
    type Pointer = Pin<KBox<Self>>;

    #[inline(never)]
    fn run(this: Pin<KBox<Self>>) {
        // SAFETY: The `WorkqueueInner` is gone. Works on the workqueue own a reference to it, so
        // there are none, and the workqueue is not used any more.
        unsafe { bindings::destroy_workqueue(this.queue.as_ptr()) };
    }
}
