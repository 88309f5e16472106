// SPDX-License-Identifier: GPL-2.0

//! What all delegates have in common: a body that is not called once its module goes.
//!
//! ```text
//!  Owner (IrqWork, Work, Timer) --+--> Inner { raw: Raw { entry, body, .., source }, item }
//!  ARef<Raw> (IrqWorkRef, ...) ---+            ^                          |
//!  WeakRef --> Link ---------------------------+    the kernel calls this, in library text
//! ```
//!
//! The kernel crate's `Arc<T>` with a timer or work in it would be called in the text of the
//! driver, and could not be found when the driver has leaked it. So what the kernel calls is
//! a [`Raw`], which is not generic in the driver's type, and which the registry finds.

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

/// A way of the kernel's to call a body.
pub trait Mechanism: Sized + 'static {
    /// The kernel's part of it.
    type Source: Send + Sync;
    /// The library's part of it.
    type Data: Send + Sync;

    /// Initialises `source`.
    ///
    /// Not inlined: the functions and lock classes that it names must not be those of
    /// another module's copy of it.
    ///
    /// # Safety
    ///
    /// `source` is valid for writes, and pinned: it is the source of a [`Raw`].
    unsafe fn init(source: *mut Self::Source, data: &Self::Data);

    /// Stops it, or has what is queued run, and waits until the body does not run. May sleep.
    /// The entry is dead, and has been for a grace period.
    fn quiesce(raw: &Raw<Self>);

    /// Returns `true` if the kernel still uses the source, though no reference is left.
    fn is_busy(raw: &Raw<Self>) -> bool;
}

/// The part of a delegate that does not depend on the item's type.
///
/// # Invariants
///
/// It starts the `Inner` that `body` was made for, which [`TrackedBox::new`] has registered.
#[pin_data]
#[repr(C)]
pub struct Raw<M: Mechanism> {
    /// At the start, as the registry relies on it.
    entry: TrackedEntry,
    body: unsafe fn(NonNull<Raw<M>>),
    _link: Option<Unlink>,
    pub(super) data: M::Data,
    #[pin]
    pub(super) source: M::Source,
}

impl<M: Mechanism> Raw<M> {
    fn new(
        ops: &'static TrackedOps,
        body: unsafe fn(NonNull<Raw<M>>),
        link: Option<Arc<Link>>,
        data: M::Data,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            entry: TrackedEntry::new(ops),
            body,
            _link: link.map(Unlink),
            data,
            source <- {
                let data: *const M::Data = &raw const *data;

                // SAFETY: The closure initialises the slot and cannot fail. `data` stays
                // where it is: it is part of the same object.
                unsafe {
                    pin_init::pin_init_from_closure::<_, Infallible>(move |slot| {
                        M::init(slot, &*data);
                        Ok(())
                    })
                }
            },
        })
    }

    /// Returns `true` if the module of the delegate is going, or has gone.
    ///
    /// `false` inside an RCU read-side section means that the driver's text stays until the
    /// section ends, and that the module then waits for what was queued in it.
    #[inline]
    pub(super) fn is_stopped(&self) -> bool {
        self.entry.is_stopped()
    }

    /// Calls the body.
    ///
    /// # Safety
    ///
    /// `this` is valid, and the driver's text stays meanwhile.
    #[inline]
    pub(super) unsafe fn call(this: NonNull<Self>) {
        // SAFETY: By the type invariants and the function's contract.
        unsafe { (this.as_ref().body)(this) }
    }
}

// SAFETY: The entry counts references, and the object stays as long as there is one.
unsafe impl<M: Mechanism> AlwaysRefCounted for Raw<M> {
    #[inline]
    fn inc_ref(&self) {
        self.entry.get();
    }

    #[inline]
    unsafe fn dec_ref(this: NonNull<Self>) {
        // SAFETY: By the function's contract; the object starts with its entry.
        unsafe { TrackedEntry::put(this.cast()) };
    }
}

/// The kind of a body, and where it runs.
pub(super) trait Body: 'static {
    /// What the body works on.
    type Item: Send + Sync + 'static;

    /// Runs the body.
    fn run(item: &Self::Item);
}

/// The body of a [`Delegate`], in a signalling section.
pub(super) struct InSection<T>(PhantomData<T>);

impl<T: Delegate> Body for InSection<T> {
    type Item = T;

    fn run(item: &T) {
        signalling(|section| item.run(section));
    }
}

/// A delegate with its item.
#[pin_data]
#[repr(C)]
struct Inner<M: Mechanism, B: Body> {
    /// At the start, as the body relies on it.
    #[pin]
    raw: Raw<M>,
    #[pin]
    item: B::Item,
}

impl<M: Mechanism, B: Body> Inner<M, B> {
    /// See [`Raw::call`].
    ///
    /// # Safety
    ///
    /// `raw` starts a valid `Self`.
    unsafe fn body(raw: NonNull<Raw<M>>) {
        // SAFETY: By the function's contract.
        B::run(unsafe { &raw.cast::<Self>().as_ref().item });
    }
}

// SAFETY: It starts with the raw part, and that with the entry, which `Owner::make` makes.
unsafe impl<M: Mechanism, B: Body> Tracked for Inner<M, B> {
    fn quiesce(&self) {
        M::quiesce(&self.raw);
    }

    fn is_busy(&self) -> bool {
        M::is_busy(&self.raw)
    }
}

/// The owner of a delegate, which lends its item.
pub(super) struct Owner<M: Mechanism, B: Body>(TrackedBox<Inner<M, B>>);

impl<M: Mechanism, B: Body> Owner<M, B> {
    /// Makes a delegate.
    pub(super) fn new<E>(data: M::Data, item: impl PinInit<B::Item, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::make(data, None, item)
    }

    /// Makes a delegate whose item has a weak reference to it.
    pub(super) fn new_cyclic<R, I, E>(
        data: M::Data,
        item: impl FnOnce(WeakRef<R>) -> I,
    ) -> Result<Self>
    where
        R: Reference<Mechanism = M>,
        I: PinInit<B::Item, E>,
        Error: From<E>,
    {
        let link = Link::new()?;
        // INVARIANT: There is no target yet, and that below is of `R`'s mechanism.
        let item = item(WeakRef {
            link: link.clone(),
            _upgraded: PhantomData,
        });
        let this = Self::make(data, Some(link.clone()), item)?;

        // INVARIANT: The object's drop takes it back.
        link.target.lock().0 = Some(this.0.as_ptr().cast());
        Ok(this)
    }

    fn make<E>(
        data: M::Data,
        link: Option<Arc<Link>>,
        item: impl PinInit<B::Item, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        let ops = TrackedBox::<Inner<M, B>>::OPS;

        // INVARIANT: The body is that of this type.
        Ok(Self(TrackedBox::new(try_pin_init!(Inner {
            raw <- Raw::new(ops, Inner::<M, B>::body, link, data),
            item <- item,
        }? Error))?))
    }

    #[inline]
    pub(super) fn raw(&self) -> &Raw<M> {
        &self.0.get().raw
    }

    #[inline]
    pub(super) fn to_ref(&self) -> ARef<Raw<M>> {
        self.raw().inc_ref();
        // SAFETY: The reference just taken. The object starts with the raw part.
        unsafe { ARef::from_raw(self.0.as_ptr().cast()) }
    }
}

impl<M: Mechanism, B: Body> Deref for Owner<M, B> {
    type Target = B::Item;

    #[inline]
    fn deref(&self) -> &B::Item {
        &self.0.get().item
    }
}

/// A reference to a delegate, of whatever item.
pub trait Reference: Sized {
    type Mechanism: Mechanism;

    fn from_raw(raw: ARef<Raw<Self::Mechanism>>) -> Self;
}

/// The way from weak references to their delegate.
#[pin_data]
struct Link {
    #[pin]
    target: SpinLockIrq<Target>,
}

/// # Invariants
///
/// The entry is valid, or there is none.
struct Target(Option<NonNull<TrackedEntry>>);

// SAFETY: An entry may be used on any CPU.
unsafe impl Send for Target {}

impl Link {
    fn new() -> Result<Arc<Self>> {
        // INVARIANT: There is no target.
        Arc::pin_init(
            pin_init!(Self {
                target <- new_irq_lock!(Target(None), c"dma_buf_rs::WeakRef"),
            }),
            GFP_KERNEL,
        )
    }
}

/// Takes the target back when the delegate goes.
struct Unlink(Arc<Link>);

impl Drop for Unlink {
    fn drop(&mut self) {
        self.0.target.lock().0 = None;
    }
}

/// A weak reference to a delegate: a [`WorkRef`], an [`IrqWorkRef`] or a [`TimerRef`] as long
/// as the delegate is there.
///
/// An item holds it that queues its own delegate, or another one that queues this one: with
/// a counted reference they would keep each other for ever.
///
/// # Examples
///
/// A scheduler and a timer that need each other:
///
/// ```
/// use dma_buf::{
///     delegate::{Delegate, Timer, WeakRef, Work, WorkRef},
///     SignallingSection,
/// };
/// use kernel::{
///     prelude::*,
///     sync::{atomic::{Atomic, Full}, Arc, Completion},
///     time::Delta,
/// };
///
/// /// Starts the timer twice, and is queued by it.
/// struct Scheduler {
///     left: Atomic<i32>,
///     timer: Timer<Tick>,
///     done: Arc<Completion>,
/// }
///
/// struct Tick(WeakRef<WorkRef>);
///
/// impl Delegate for Scheduler {
///     fn run(&self, _section: &SignallingSection<'_>) {
///         if self.left.fetch_sub(1, Full) > 0 {
///             self.timer.start(Delta::from_micros(50));
///         } else {
///             self.done.complete_all();
///         }
///     }
/// }
///
/// impl Delegate for Tick {
///     fn run(&self, _section: &SignallingSection<'_>) {
///         if let Some(scheduler) = self.0.upgrade() {
///             scheduler.queue();
///         }
///     }
/// }
///
/// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
/// let scheduler = Work::new_cyclic(|me| {
///     try_init!(Scheduler {
///         left: Atomic::new(2),
///         timer: Timer::new(Tick(me))?,
///         done,
///     }? Error)
/// })?;
///
/// scheduler.queue();
/// scheduler.done.wait_for_completion();
/// # Ok::<(), Error>(())
/// ```
///
/// [`WorkRef`]: super::WorkRef
/// [`IrqWorkRef`]: super::IrqWorkRef
/// [`TimerRef`]: super::TimerRef
///
/// # Invariants
///
/// The target of `link` is a `Raw` of `R`'s mechanism.
pub struct WeakRef<R> {
    link: Arc<Link>,
    _upgraded: PhantomData<fn() -> R>,
}

impl<R: Reference> WeakRef<R> {
    /// Takes a reference to the delegate. Returns `None` if the delegate and all of its
    /// references have been dropped, or while it is being made.
    ///
    /// Context: any.
    pub fn upgrade(&self) -> Option<R> {
        let target = self.link.target.lock();
        let entry = target.0?;

        // SAFETY: By the type invariants; it is valid as long as the lock is held.
        if !unsafe { entry.as_ref() }.try_get() {
            return None;
        }
        // SAFETY: The reference just taken; the entry starts the raw part.
        Some(R::from_raw(unsafe { ARef::from_raw(entry.cast()) }))
    }
}

impl<R> Clone for WeakRef<R> {
    fn clone(&self) -> Self {
        Self {
            link: self.link.clone(),
            _upgraded: PhantomData,
        }
    }
}
