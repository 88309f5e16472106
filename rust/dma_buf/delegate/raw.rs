// SPDX-License-Identifier: GPL-2.0

//! The common part of delegates: a body that is not called once its module is unloaded.
//!
//! ```text
//!  DelegateOwner (IrqWork, ..) --------+--> Inner { raw: Raw { entry, body, .., source }, item }
//!  DelegateRef (IrqWorkRef, ..) -------+            ^                          |
//!  WeakRef --> WeakPtr -----------------------------+    the kernel calls this, in library text
//! ```
//!
//! With an `Arc<T>` of the kernel crate, a timer or work would call text of the driver, and an
//! unload could not find it if the driver has leaked it. So the kernel calls a [`Raw`], which is
//! not generic in the driver's type, and which the registry finds.

use super::Delegate;
use crate::{
    lock::new_irq_lock,
    registry::{
        Tracked,
        TrackedBox,
        TrackedEntry,
        TrackedOps, //
    },
    section::signalling, //
};
use core::{
    convert::Infallible,
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        Arc,
        SpinLockIrq, //
    }, //
};

/// How the kernel calls a body: by an irq_work, a work or a timer.
pub trait Backend: Sized + 'static {
    /// The C structure by which the kernel calls it.
    type Source: Send + Sync;
    /// The library's part of it.
    type Data: Default + Send + Sync;

    /// Initialises `source`.
    ///
    /// Implementations are not inlined: a copy in another module would name functions and lock
    /// classes of that module.
    ///
    /// # Safety
    ///
    /// `source` is that of a [`Raw`]: valid for writes, and pinned.
    unsafe fn init(source: *mut Self::Source, data: &Self::Data);

    /// Called when the owner is dropped.
    fn owner_dropped(_raw: &Raw<Self>) {}

    /// Cancels or flushes the source, and waits for the body. May sleep. Called a grace period
    /// after the entry was stopped.
    fn quiesce(raw: &Raw<Self>);

    /// Returns `true` if the kernel still uses the source, though no reference is left.
    fn is_busy(raw: &Raw<Self>) -> bool;
}

/// A backend that runs the body soon after it was queued.
pub trait QueueBackend: Backend {
    /// [`DelegateOwner::queue`].
    fn queue(raw: &Raw<Self>) -> bool;
}

/// The part of a delegate that does not depend on the item's type.
///
/// # Invariants
///
/// It is the first field of the `Inner` that `body` is for, which [`TrackedBox::new`] has
/// registered.
#[pin_data]
#[repr(C)]
pub struct Raw<B: Backend> {
    /// The first field, as the registry casts pointers to it.
    entry: TrackedEntry,
    body: unsafe fn(NonNull<Raw<B>>),
    _clear_weak: Option<ClearWeakPtr>,
    pub(super) data: B::Data,
    #[pin]
    pub(super) source: B::Source,
}

impl<B: Backend> Raw<B> {
    fn new(
        ops: &'static TrackedOps,
        body: unsafe fn(NonNull<Raw<B>>),
        weak_ptr: Option<Arc<WeakPtr>>,
        data: B::Data,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            entry: TrackedEntry::new(ops),
            body,
            _clear_weak: weak_ptr.map(ClearWeakPtr),
            data,
            source <- {
                let data: *const B::Data = &raw const *data;

                // SAFETY: The closure initialises the slot and cannot fail. `data` stays
                // where it is: it is part of the same object.
                unsafe {
                    pin_init::pin_init_from_closure::<_, Infallible>(move |slot| {
                        B::init(slot, &*data);
                        Ok(())
                    })
                }
            },
        })
    }

    /// Returns `true` if the module of the delegate is being unloaded, or is gone.
    ///
    /// If this returns `false` inside an RCU read-side section, the driver's text stays until the
    /// section ends, and the unload waits for everything that is queued in it.
    #[inline]
    pub(super) fn is_stopped(&self) -> bool {
        self.entry.is_stopped()
    }

    /// Calls the body.
    ///
    /// # Safety
    ///
    /// `this` is valid, and the driver's text stays until this returns.
    #[inline]
    pub(super) unsafe fn call(this: NonNull<Self>) {
        // SAFETY: By the type invariants and the function's contract.
        unsafe { (this.as_ref().body)(this) }
    }
}

// SAFETY: The entry counts references. The object stays as long as there is one.
unsafe impl<B: Backend> AlwaysRefCounted for Raw<B> {
    #[inline]
    fn inc_ref(&self) {
        self.entry.get();
    }

    #[inline]
    unsafe fn dec_ref(this: NonNull<Self>) {
        // SAFETY: By the function's contract. The entry is the first field.
        unsafe { TrackedEntry::put(this.cast()) };
    }
}

/// The kind of a body, and where it runs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how a delegate runs",
    note = "implement `Delegate` for the item of a `SignallingWork`, `IrqWork` or `Timer`, and \
            `Cleanup` for that of a `CleanupWork`"
)]
pub trait Body<B: Backend>: 'static {
    /// The data that the body works on.
    type Item: Send + Sync + 'static;

    /// Makes the data of the backend.
    fn data() -> B::Data {
        B::Data::default()
    }

    /// Runs the body.
    fn run(item: &Self::Item);
}

/// The body of a [`Delegate`], in a signalling section.
pub struct DelegateBody<T>(PhantomData<T>);

impl<B: Backend, T: Delegate> Body<B> for DelegateBody<T> {
    type Item = T;

    fn run(item: &T) {
        signalling(|section| item.run(section));
    }
}

/// A delegate with its item.
#[pin_data]
#[repr(C)]
struct Inner<B: Backend, R: Body<B>> {
    /// The first field, as the body casts pointers to it.
    #[pin]
    raw: Raw<B>,
    #[pin]
    item: R::Item,
}

impl<B: Backend, R: Body<B>> Inner<B, R> {
    /// See [`Raw::call`].
    ///
    /// # Safety
    ///
    /// `raw` is the first field of a valid `Self`.
    unsafe fn body(raw: NonNull<Raw<B>>) {
        // SAFETY: By the function's contract.
        R::run(unsafe { &raw.cast::<Self>().as_ref().item });
    }
}

// SAFETY: The first field is `raw`, whose first field is the entry. `DelegateOwner::make` makes the
// entry with the `OPS` of this type.
unsafe impl<B: Backend, R: Body<B>> Tracked for Inner<B, R> {
    unsafe fn quiesce(&self) {
        B::quiesce(&self.raw);
    }

    fn is_busy(&self) -> bool {
        B::is_busy(&self.raw)
    }
}

/// The owner of a delegate, which lends its item: an [`IrqWork`](super::IrqWork), a
/// [`SignallingWork`](super::SignallingWork), a [`Timer`](super::Timer) or a
/// [`CleanupWork`](super::CleanupWork).
///
/// See [`Delegate`] for an example.
pub struct DelegateOwner<B: Backend, R: Body<B>>(TrackedBox<Inner<B, R>>);

impl<B: Backend, R: Body<B>> DelegateOwner<B, R> {
    /// Makes a delegate, which is not queued. Fails with `ENOMEM`, or as `item` does.
    ///
    /// Context: process; may sleep.
    ///
    /// C functions: `init_irq_work()`, `INIT_WORK()`, `hrtimer_setup()`
    pub fn new<E>(item: impl PinInit<R::Item, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::make(R::data(), None, item)
    }

    pub(super) fn make<E>(
        data: B::Data,
        weak_ptr: Option<Arc<WeakPtr>>,
        item: impl PinInit<R::Item, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        let ops = TrackedBox::<Inner<B, R>>::OPS;

        // INVARIANT: The body is that of this type.
        Ok(Self(TrackedBox::new(try_pin_init!(Inner {
            raw <- Raw::new(ops, Inner::<B, R>::body, weak_ptr, data),
            item <- item,
        }? Error))?))
    }

    #[inline]
    pub(super) fn raw(&self) -> &Raw<B> {
        &self.0.get().raw
    }
}

impl<B: Backend, T: Delegate> DelegateOwner<B, DelegateBody<T>> {
    /// Makes a delegate whose item has a weak reference to it. Fails as [`Self::new`] does.
    ///
    /// Context: process; may sleep.
    pub fn new_cyclic<I, E>(item: impl FnOnce(WeakRef<DelegateRef<B>>) -> I) -> Result<Self>
    where
        I: PinInit<T, E>,
        Error: From<E>,
    {
        let weak_ptr = WeakPtr::new()?;
        // INVARIANT: The pointer has no entry yet. The one set below is of this backend.
        let item = item(WeakRef {
            ptr: weak_ptr.clone(),
            _upgraded: PhantomData,
        });
        let this = Self::make(B::Data::default(), Some(weak_ptr.clone()), item)?;

        // INVARIANT: `ClearWeakPtr` clears it when the object is dropped.
        weak_ptr.entry.lock().0 = Some(this.0.as_ptr().cast());
        Ok(this)
    }

    /// Takes a reference that does not depend on the item's type, for a callback.
    ///
    /// Context: any.
    pub fn to_ref(&self) -> DelegateRef<B> {
        DelegateRef(self.raw().into())
    }
}

impl<B: QueueBackend, R: Body<B>> DelegateOwner<B, R> {
    /// Queues the delegate. An irq_work is queued on this CPU. Returns `false` if it was already
    /// queued, if it is being cancelled, or if its module is being unloaded.
    ///
    /// Context: any; for an irq_work, NMI included.
    ///
    /// C functions: `irq_work_queue()`, `queue_work()`
    #[inline]
    pub fn queue(&self) -> bool {
        B::queue(self.raw())
    }
}

impl<B: Backend, R: Body<B>> Deref for DelegateOwner<B, R> {
    type Target = R::Item;

    #[inline]
    fn deref(&self) -> &R::Item {
        &self.0.get().item
    }
}

impl<B: Backend, R: Body<B>> Drop for DelegateOwner<B, R> {
    fn drop(&mut self) {
        B::owner_dropped(self.raw());
    }
}

/// A counted reference to a delegate with any item: a [`WorkRef`](super::WorkRef), an
/// [`IrqWorkRef`](super::IrqWorkRef) or a [`TimerRef`](super::TimerRef).
///
/// Context of the drop: any. The item is dropped later, if this was the last reference.
///
/// See [the module](super) for an example.
pub struct DelegateRef<B: Backend>(pub(super) ARef<Raw<B>>);

impl<B: Backend> Clone for DelegateRef<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: QueueBackend> DelegateRef<B> {
    /// Queues the delegate, as [`DelegateOwner::queue`] does, in the same contexts.
    ///
    /// C functions: `irq_work_queue()`, `queue_work()`
    #[inline]
    pub fn queue(&self) -> bool {
        B::queue(&self.0)
    }
}

/// The pointer from weak references to their delegate.
#[pin_data]
pub(super) struct WeakPtr {
    #[pin]
    entry: SpinLockIrq<WeakEntry>,
}

/// # Invariants
///
/// The entry is valid, or there is none.
struct WeakEntry(Option<NonNull<TrackedEntry>>);

// SAFETY: An entry may be used on any CPU.
unsafe impl Send for WeakEntry {}

impl WeakPtr {
    fn new() -> Result<Arc<Self>> {
        // INVARIANT: There is no entry.
        Arc::pin_init(
            pin_init!(Self {
                entry <- new_irq_lock!(WeakEntry(None), c"dma_buf_rs::WeakRef"),
            }),
            GFP_KERNEL,
        )
    }
}

/// Clears the pointer when the delegate is dropped.
struct ClearWeakPtr(Arc<WeakPtr>);

impl Drop for ClearWeakPtr {
    fn drop(&mut self) {
        self.0.entry.lock().0 = None;
    }
}

/// A weak reference to a delegate, for an item that queues its own delegate, and for items that
/// queue each other: with counted references they would never be freed.
///
/// # Examples
///
/// A timer that starts itself:
///
/// ```
/// use dma_buf::{
///     delegate::{Delegate, Timer, TimerRef, WeakRef},
///     SignallingSection,
/// };
/// use kernel::{sync::{atomic::{Atomic, Full}, Arc, Completion}, prelude::*, time::Delta};
///
/// struct Tick {
///     me: WeakRef<TimerRef>,
///     left: Atomic<i32>,
///     done: Arc<Completion>,
/// }
///
/// impl Delegate for Tick {
///     fn run(&self, _section: &SignallingSection<'_>) {
///         if self.left.fetch_sub(1, Full) == 0 {
///             self.done.complete_all();
///         } else if let Some(me) = self.me.upgrade() {
///             me.start(Delta::from_micros(50));
///         }
///     }
/// }
///
/// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
/// let timer = Timer::new_cyclic(|me| Tick { me, left: Atomic::new(2), done })?;
///
/// timer.start(Delta::ZERO);
/// timer.done.wait_for_completion();
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `R` is a [`DelegateRef`], and the entry of `ptr` is a `Raw` of its backend.
pub struct WeakRef<R> {
    ptr: Arc<WeakPtr>,
    _upgraded: PhantomData<fn() -> R>,
}

impl<B: Backend> WeakRef<DelegateRef<B>> {
    /// Takes a reference to the delegate. Returns `None` if the delegate and all of its
    /// references have been dropped, or while it is being made.
    ///
    /// Context: any.
    pub fn upgrade(&self) -> Option<DelegateRef<B>> {
        let guard = self.ptr.entry.lock();
        let entry = guard.0?;

        // SAFETY: By the type invariants the entry is valid as long as the lock is held.
        if !unsafe { entry.as_ref() }.try_get() {
            return None;
        }
        // SAFETY: The reference was just taken. The entry is at offset 0 of a `Raw` of this
        // backend.
        Some(DelegateRef(unsafe { ARef::from_raw(entry.cast()) }))
    }
}

impl<R> Clone for WeakRef<R> {
    fn clone(&self) -> Self {
        Self {
            ptr: self.ptr.clone(),
            _upgraded: PhantomData,
        }
    }
}
