// SPDX-License-Identifier: GPL-2.0

//! Delegates that run in process context, now or after a while.
//!
//! The kernel crate's delayed work is what runs them; see `raw` for the reason why the driver
//! does not own that itself.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use super::{
    raw::{
        Body,
        InSection,
        Mechanism,
        Owner,
        Raw,
        Reference, //
    },
    workqueue,
    Delegate,
    WeakRef,
    Workqueue, //
};
use crate::{
    bindings,
    fence::to_jiffies,
    lock::lock_class, //
};
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        rcu, //
    },
    time::Delta,
    workqueue::{
        impl_has_delayed_work,
        DelayedWork,
        WorkItem, //
    }, //
};

/// The mechanism of a [`Work`] and of a [`CleanupWork`].
pub enum ByWork {}

/// Which workqueue runs it.
pub enum RunsOn {
    Library,
    Driver(Workqueue),
    /// That of [`CleanupWork`].
    Cleanup,
}

impl Mechanism for ByWork {
    type Source = DelayedWork<Raw<Self>>;
    type Data = RunsOn;

    #[inline(never)]
    unsafe fn init(source: *mut Self::Source, runs_on: &RunsOn) {
        // A flush of the one may be allowed where that of the other is not.
        let work = match runs_on {
            RunsOn::Cleanup => lock_class!(c"dma_buf_rs::CleanupWork"),
            _ => lock_class!(c"dma_buf_rs::Work"),
        };
        let timer = lock_class!(c"dma_buf_rs::Work::timer");
        let init = DelayedWork::new(work.0, work.1, timer.0, timer.1);

        // SAFETY: By the function's contract.
        unsafe { pin_init::raw_init(source, init) };
    }

    fn quiesce(raw: &Raw<Self>) {
        match raw.data {
            RunsOn::Cleanup => raw.flush(),
            _ => drop(raw.cancel()),
        }
    }

    fn is_busy(_raw: &Raw<Self>) -> bool {
        // Queued or running, it owns a reference, and none is left.
        false
    }
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for Raw<ByWork> { self.source }
}

impl WorkItem for Raw<ByWork> {
    /// What is queued owns a reference.
    type Pointer = ARef<Self>;

    // Text of this library, as it may be called when the driver's is gone.
    #[inline(never)]
    fn run(this: ARef<Self>) {
        let raw = ARef::into_raw(this);
        // SAFETY: The reference that the queued work owned; dropped when the body has
        // returned. The workqueue does not touch the work after this.
        let this = unsafe { ARef::from_raw(raw) };

        if !this.is_stopped() || matches!(this.data, RunsOn::Cleanup) {
            // SAFETY: The driver's text stays until this returns, as its module, in going,
            // first marks the entry dead, and a grace period later waits for the work.
            unsafe { Raw::call(raw) };
        }
    }
}

impl Raw<ByWork> {
    /// [`Work::queue_after`].
    #[inline(never)]
    fn queue_after(this: &ARef<Self>, delay: Delta) -> bool {
        // Once the module goes, and a grace period has passed, nothing is queued.
        let _rcu = rcu::read_lock();

        if this.is_stopped() {
            return false;
        }
        let queue = match &this.data {
            RunsOn::Library => workqueue::signalling(),
            RunsOn::Driver(queue) => queue.get(),
            RunsOn::Cleanup => workqueue::cleanup(),
        };

        queue
            .enqueue_delayed(this.clone(), to_jiffies(delay))
            .is_ok()
    }

    fn as_raw(&self) -> *mut bindings::delayed_work {
        // `DelayedWork` is transparent.
        (&raw const self.source).cast_mut().cast()
    }

    /// Takes the work off its queue, and waits for the body. Returns `true` if the work was
    /// queued. May sleep.
    fn cancel(&self) -> bool {
        // SAFETY: The work is initialised.
        let cancelled = unsafe { bindings::cancel_delayed_work_sync(self.as_raw()) };

        if cancelled {
            // SAFETY: The reference that the queued work owned; the caller has another.
            drop(unsafe { ARef::from_raw(NonNull::from(self)) });
        }
        cancelled
    }

    /// Runs the body at once if the work is queued, and waits for it. May sleep.
    fn flush(&self) {
        // SAFETY: The work is initialised.
        unsafe { bindings::flush_delayed_work(self.as_raw()) };
    }
}

/// A [`Delegate`] that runs in process context, so it may sleep.
///
/// It runs on a dedicated workqueue of the library or of the driver, with `WQ_MEM_RECLAIM`, so that
/// fences also complete under memory pressure. It does not run on two CPUs at a time.
///
/// Context of the drop: any. The item is dropped later, in softirq context.
///
/// All works are of one lock class: the body of one must not flush or cancel another.
///
/// # Examples
///
/// See [`Delegate`] and [`QueueWork`](crate::callback::QueueWork).
pub struct Work<T: Delegate>(Owner<ByWork, InSection<T>>);

impl<T: Delegate> Work<T> {
    /// Makes a work item that runs on a workqueue of the library. Fails with `ENOMEM`, or as
    /// `item` does.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `INIT_DELAYED_WORK()`
    pub fn new<E>(item: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        Ok(Self(Owner::new(RunsOn::Library, item)?))
    }

    /// Makes a work item that runs on a workqueue of the driver, which it keeps. Fails as
    /// [`Self::new`] does.
    ///
    /// Context: process; may sleep.
    pub fn new_on<E>(queue: &Workqueue, item: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        let data = RunsOn::Driver(queue.clone());

        Ok(Self(Owner::new(data, item)?))
    }

    /// Makes a work item whose item has a weak reference to it. Fails as [`Self::new`] does.
    ///
    /// Context: process; may sleep.
    pub fn new_cyclic<I, E>(item: impl FnOnce(WeakRef<WorkRef>) -> I) -> Result<Self>
    where
        I: PinInit<T, E>,
        Error: From<E>,
    {
        Ok(Self(Owner::new_cyclic(RunsOn::Library, item)?))
    }

    /// Makes a work item that runs on a workqueue of the driver, and whose item has a weak
    /// reference to it. Fails as [`Self::new`] does.
    ///
    /// Context: process; may sleep.
    pub fn new_cyclic_on<I, E>(
        queue: &Workqueue,
        item: impl FnOnce(WeakRef<WorkRef>) -> I,
    ) -> Result<Self>
    where
        I: PinInit<T, E>,
        Error: From<E>,
    {
        let data = RunsOn::Driver(queue.clone());

        Ok(Self(Owner::new_cyclic(data, item)?))
    }

    /// Queues the work. Returns `false` if it was already queued, with a delay or without,
    /// if it is being cancelled, or if its module is going.
    ///
    /// Context: any.
    ///
    /// C function: `queue_work()`
    pub fn queue(&self) -> bool {
        self.queue_after(Delta::ZERO)
    }

    /// Queues the work after a delay, which is rounded up to whole jiffies; none if it is
    /// negative. Returns `false` as [`Self::queue`] does. A work that is already queued keeps its
    /// expiry.
    ///
    /// Context: any.
    ///
    /// C function: `queue_delayed_work()`
    pub fn queue_after(&self, delay: Delta) -> bool {
        Raw::queue_after(&self.0.to_ref(), delay)
    }

    /// Takes a reference that does not depend on the item's type, for a callback.
    ///
    /// Context: any.
    pub fn to_ref(&self) -> WorkRef {
        WorkRef(self.0.to_ref())
    }

    /// Takes the work off its queue, and waits for the body if it runs. Returns `true` if
    /// the work was queued.
    ///
    /// Context: process; may sleep; not the body.
    ///
    /// C function: `cancel_delayed_work_sync()`
    pub fn cancel(&self) -> bool {
        self.0.raw().cancel()
    }

    /// Runs the body at once if the work is queued, and waits for it.
    ///
    /// Context: process; may sleep; not the body.
    ///
    /// C function: `flush_delayed_work()`
    pub fn flush(&self) {
        self.0.raw().flush();
    }
}

impl<T: Delegate> Deref for Work<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A counted reference to a [`Work`], of whatever item.
///
/// Context of the drop: any. The item is dropped later, if this was the last reference.
#[derive(Clone)]
pub struct WorkRef(ARef<Raw<ByWork>>);

impl Reference for WorkRef {
    type Mechanism = ByWork;

    fn from_raw(raw: ARef<Raw<ByWork>>) -> Self {
        Self(raw)
    }
}

impl WorkRef {
    /// Queues the work, as [`Work::queue`] does.
    ///
    /// Context: any.
    ///
    /// C function: `queue_work()`
    pub fn queue(&self) -> bool {
        Raw::queue_after(&self.0, Delta::ZERO)
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
struct Outside<T>(PhantomData<T>);

impl<T: Cleanup> Body for Outside<T> {
    type Item = T;

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
/// fence may wait for it.
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
///         // Their memory stays, for those of the next jobs.
///         loop {
///             let Some(buffer) = self.buffers.lock().pop() else {
///                 return;
///             };
///             buffer.with_lock(|_| ());
///         }
///     }
/// }
///
/// let buffer = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
///
/// // Room for the buffers of all jobs that the ring takes.
/// let room = KVec::with_capacity(64, GFP_KERNEL)?;
/// let cleanup = CleanupWork::new(pin_init!(Finished {
///     buffers <- new_spinlock_irq!(room),
/// }))?;
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
pub struct CleanupWork<T: Cleanup>(Owner<ByWork, Outside<T>>);

impl<T: Cleanup> CleanupWork<T> {
    /// Makes a cleanup work. Fails with `ENOMEM`, or as `item` does.
    ///
    /// Context: process; may sleep.
    pub fn new<E>(item: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        Ok(Self(Owner::new(RunsOn::Cleanup, item)?))
    }

    /// Queues the work. Returns `false` if it was already queued, or if its module is going.
    ///
    /// Context: any.
    ///
    /// C function: `queue_work()`
    pub fn queue(&self) -> bool {
        Raw::queue_after(&self.0.to_ref(), Delta::ZERO)
    }

    /// Waits for the body, if the work is queued or runs. First stop what queues it: a body that
    /// is queued later is not waited for.
    ///
    /// The driver does so before it drops the work, if the item must be empty then: the item
    /// is dropped in softirq context.
    ///
    /// Context: process; may sleep; neither a signalling section nor the body, and no lock
    /// held that the body takes.
    ///
    /// C function: `flush_delayed_work()`
    pub fn flush(&self) {
        self.0.raw().flush();
    }
}

impl<T: Cleanup> Deref for CleanupWork<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
