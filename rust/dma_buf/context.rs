// SPDX-License-Identifier: GPL-2.0

//! Fence contexts: a driver's timelines.

use crate::{
    bindings,
    driver_fence::{
        DriverFence,
        DriverFenceAllocation, //
    },
    fence::Fence,
    header::{
        self,
        FenceData,
        Header, //
    },
    options::ContextOptions,
    registry::{
        Entry,
        EntryOps, //
    },
    timeline::{
        Timeline,
        TimelineOps,
        Until, //
    },
};
use core::{
    any::TypeId,
    marker::PhantomData,
    mem::needs_drop,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    ffi::{
        c_char,
        c_void, //
    },
    module::this_module,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Acquire,
            Atomic, //
        },
        rcu, //
    },
    time::{
        hrtimer::HrTimerExpires,
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// What a driver says of the fences of its contexts.
///
/// The implementing type is the context's own data, which the operations get,
/// and which [`FenceContext`] dereferences to.
///
/// The operations are optional. The core calls them on a fence that has not
/// signalled; what they are lent stays alive for a grace period after it has.
/// They may run at the same time on several CPUs, with interrupts off and with
/// the fence's lock held, so they must neither sleep, nor take a lock that is
/// held elsewhere with interrupts on, nor use the context or a handle of the
/// fence to signal.
#[vtable]
pub trait FenceContextOps: Send + Sync + Sized + 'static {
    /// The driver's data in each fence.
    ///
    /// It is dropped once both its handle is gone and the fence has signalled,
    /// and a grace period has passed since, in softirq context; so its drop must
    /// not sleep. If the handle is leaked, so is the data.
    type FenceData: Send + Sync + 'static;

    /// Somebody waits: have the hardware tell when it is done.
    ///
    /// Called once at most for a fence, with its lock held. Returns the result
    /// if the work turns out to be complete; the fence then signals soon, in its
    /// turn.
    ///
    /// C: `dma_fence_ops::enable_signaling`
    fn enable_signaling(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Whether the work is complete, and with what result.
    ///
    /// Called whenever somebody asks, perhaps with the fence's lock held. The
    /// fence then signals soon, in its turn.
    ///
    /// C: `dma_fence_ops::signaled`
    fn signaled(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Somebody hopes that the work is complete by then. Only a hint.
    ///
    /// Called any number of times, perhaps in atomic context, without the
    /// fence's lock.
    ///
    /// C: `dma_fence_ops::set_deadline`
    fn set_deadline(&self, _data: &Self::FenceData, _seqno: u64, _deadline: Instant<Monotonic>) {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }
}

/// A context in memory.
#[pin_data]
#[repr(C)]
struct Inner<T: FenceContextOps> {
    /// At the start, as the registry and the operations rely on it.
    #[pin]
    timeline: Timeline,
    #[pin]
    data: T,
}

/// A timeline of a driver: fences that complete in the order in which they are
/// published.
///
/// When a context is dropped, what is pending on it is cancelled: it signals
/// with `ECANCELED`. A context that is leaked is treated so when its module goes.
/// Its data is dropped, and its memory freed, a grace period later, in softirq
/// context.
///
/// # Examples
///
/// ```
/// use dma_buf::{FenceContext, FenceContextOps, Status};
/// use kernel::prelude::*;
///
/// struct Ring;
///
/// #[vtable]
/// impl FenceContextOps for Ring {
///     type FenceData = ();
/// }
///
/// let ring = FenceContext::new(c"mygpu", c"ring 0", Ring)?;
///
/// // May sleep and fail: before the job is committed.
/// let memory = ring.new_fence_allocation(())?;
/// // Cannot fail: when it is.
/// let job = ring.new_fence(memory);
/// let fence = job.fence();
/// assert_eq!(fence.status(), Status::Pending);
///
/// job.signal(Ok(()));
/// assert_eq!(fence.status(), Status::Signaled);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `inner` is valid, and registered, and this owns a reference to its entry.
pub struct FenceContext<T: FenceContextOps> {
    inner: NonNull<Inner<T>>,
    _owns: PhantomData<T>,
}

// SAFETY: What a context owns is `Send`, and its methods lock.
unsafe impl<T: FenceContextOps> Send for FenceContext<T> {}
// SAFETY: As above; the data is `Sync`.
unsafe impl<T: FenceContextOps> Sync for FenceContext<T> {}

// A handle is a pointer; what it points to stays where it is.
impl<T: FenceContextOps> Unpin for FenceContext<T> {}

impl<T: FenceContextOps> FenceContext<T> {
    /// Makes a context, whose first fence gets the sequence number 1.
    ///
    /// Both names show in `/sys/kernel/debug`, in traces and in what user space
    /// is told. Process context, may sleep. Fails with `ENOMEM`, or as `data`
    /// does.
    ///
    /// C function: `dma_fence_context_alloc()`
    pub fn new<E>(
        driver_name: &'static CStr,
        timeline_name: &CStr,
        data: impl PinInit<T, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::with_options(driver_name, timeline_name, ContextOptions::new(), data)
    }

    /// [`Self::new`] with options.
    pub fn with_options<E>(
        driver_name: &'static CStr,
        timeline_name: &CStr,
        options: ContextOptions,
        data: impl PinInit<T, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        let timeline_name = CString::try_from(timeline_name)?;
        let inner = KBox::try_pin_init(
            try_pin_init!(Inner {
                timeline <- Timeline::new(
                    Entry::new(Self::ENTRY_OPS),
                    Self::TIMELINE_OPS,
                    driver_name,
                    timeline_name,
                    options,
                ),
                data <- data,
            }? Error),
            GFP_KERNEL,
        )?;

        // SAFETY: The memory stays where it is until `free` frees it.
        let inner = unsafe { NonNull::new_unchecked(KBox::into_raw(Pin::into_inner_unchecked(inner))) };
        // SAFETY: The entry starts the timeline, which starts a pinned `Inner<T>`,
        // which the operations are for.
        unsafe { Entry::register(inner.cast()) };

        // INVARIANT: Just made and registered; the entry's first reference.
        Ok(Self {
            inner,
            _owns: PhantomData,
        })
    }

    #[inline]
    fn timeline(&self) -> &Timeline {
        // SAFETY: By the type invariant.
        unsafe { &(*self.inner.as_ptr()).timeline }
    }

    /// The number of the context, unique in the running system.
    #[inline]
    pub fn context(&self) -> u64 {
        self.timeline().context()
    }

    /// Allocates a fence with its data.
    ///
    /// Process context, may sleep. Fails with `ENOMEM`.
    #[inline]
    pub fn new_fence_allocation(&self, data: T::FenceData) -> Result<DriverFenceAllocation<T>> {
        DriverFenceAllocation::new(data, GFP_KERNEL)
    }

    /// Publishes a fence with the next sequence number.
    ///
    /// From here on, whoever gets hold of the fence may wait for it, so its
    /// signal must come, and nothing that it depends on may wait for memory.
    ///
    /// Any context.
    ///
    /// C function: `dma_fence_init64()`
    #[inline]
    pub fn new_fence(&self, memory: DriverFenceAllocation<T>) -> DriverFence<T> {
        let fence = memory.into_inner();

        // SAFETY: The allocation owned the fence, which is of the type that this
        // context's operations are for.
        unsafe { self.timeline().publish(fence.cast()) };
        // SAFETY: It is published, and the caller's reference is ours.
        unsafe { DriverFence::from_inner(fence) }
    }

    /// Publishes a fence with a sequence number of the caller's choice, on a
    /// timeline whose user picks the points.
    ///
    /// Numbers may come in any order, and more than once. If this one, or a
    /// higher one, has signalled already, the fence is published signalled: a
    /// context is ordered. The cost grows with the number of pending fences that
    /// come after.
    ///
    /// On a context that has given out numbers by itself ([`Self::new_fence`]),
    /// one that is not above the last is an error, and the memory comes back.
    ///
    /// Any context.
    pub fn new_fence_at(
        &self,
        memory: DriverFenceAllocation<T>,
        seqno: u64,
    ) -> Result<DriverFence<T>, SeqnoError<T>> {
        let fence = memory.into_inner();

        // SAFETY: The allocation owned the fence, which is of the type that this
        // context's operations are for.
        if unsafe { self.timeline().publish_at(fence.cast(), seqno) } {
            // SAFETY: It is published, and the caller's reference is ours.
            Ok(unsafe { DriverFence::from_inner(fence) })
        } else {
            // SAFETY: It came from the allocation, and nothing has changed.
            Err(SeqnoError(unsafe { DriverFenceAllocation::from_inner(fence) }))
        }
    }

    /// Completes the pending fence with this sequence number, as
    /// [`DriverFence::signal`] does, and says whether there was one that was not
    /// complete.
    ///
    /// Any context. The cost grows with the number of pending fences before it.
    pub fn signal_one(&self, seqno: u64, result: Result) -> bool {
        self.timeline().complete_seqno(seqno, errno(result))
    }

    /// Signals all pending fences up to and including sequence number `seqno`,
    /// with success where they were not done with another result, and says how
    /// many.
    ///
    /// Any context.
    pub fn signal_up_to(&self, seqno: u64) -> usize {
        self.timeline().signal(Until::Seqno(seqno, 0))
    }

    /// Signals all pending fences, with `error` where they were not done with
    /// another result, and says how many.
    ///
    /// Any context.
    pub fn cancel_all(&self, error: Error) -> usize {
        self.timeline().signal(Until::Seqno(u64::MAX, error.to_errno()))
    }

    /// The driver's data of a fence, if it is one of this type of context, made
    /// in this module, and is pending.
    ///
    /// # Safety
    ///
    /// RCU is read-locked for `'a`, and the fence valid.
    unsafe fn downcast<'a>(fence: *mut bindings::dma_fence) -> Option<(&'a T, &'a T::FenceData)> {
        // SAFETY: The fence is valid. What its operations point to stays while RCU
        // is read-locked, as for the core.
        let ours = unsafe {
            let ops = Atomic::from_ptr((&raw mut (*fence).ops).cast::<*mut c_void>())
                .load(Acquire)
                .cast::<bindings::dma_fence_ops>();

            !ops.is_null()
                && (*ops).get_driver_name.is_some_and(|f| {
                    core::ptr::fn_addr_eq(
                        f,
                        Timeline::get_driver_name
                            as unsafe extern "C" fn(*mut bindings::dma_fence) -> *const c_char,
                    )
                })
        };
        if !ours {
            return None;
        }

        // SAFETY: Only the fences of this crate name themselves by that function,
        // and one whose operations are still set inside this RCU read-side
        // section was pending inside it, so its timeline is valid. If that is of
        // this type, so are the context and the fence's data.
        unsafe {
            let header = &*fence.cast::<Header>();

            if !header.timeline.as_ref().is_of(Self::TIMELINE_OPS) {
                return None;
            }
            Some((
                &(*header.timeline.cast::<Inner<T>>().as_ptr()).data,
                &(*fence.cast::<FenceData<T::FenceData>>()).data,
            ))
        }
    }

    const ENTRY_OPS: &'static EntryOps = &EntryOps {
        quiesce: Self::quiesce,
        is_busy: Self::is_busy,
        free: Self::free,
    };

    const TIMELINE_OPS: &'static TimelineOps = &TimelineOps {
        fence: bindings::dma_fence_ops {
            get_driver_name: Some(Timeline::get_driver_name),
            get_timeline_name: Some(Timeline::get_timeline_name),
            enable_signaling: if T::HAS_ENABLE_SIGNALING {
                Some(Self::enable_signaling)
            } else {
                None
            },
            signaled: if T::HAS_SIGNALED {
                Some(Self::signaled)
            } else {
                None
            },
            wait: None,
            release: None,
            set_deadline: if T::HAS_SET_DEADLINE {
                Some(Self::set_deadline)
            } else {
                None
            },
        },
        drop_data: if needs_drop::<T::FenceData>() {
            Some(header::drop_data::<T::FenceData>)
        } else {
            None
        },
        type_id: TypeId::of::<T>,
        module: this_module::<T::OwnerModule>().as_ptr(),
    };

    /// [`EntryOps::quiesce`].
    ///
    /// # Safety
    ///
    /// `entry` starts a valid `Inner<T>`.
    unsafe fn quiesce(entry: NonNull<Entry>) {
        // SAFETY: By the function's contract.
        let inner = unsafe { entry.cast::<Inner<T>>().as_ref() };

        inner.timeline.close();
        inner.timeline.sync();
    }

    /// [`EntryOps::is_busy`].
    ///
    /// # Safety
    ///
    /// As for [`Self::quiesce`].
    unsafe fn is_busy(entry: NonNull<Entry>) -> bool {
        // SAFETY: By the function's contract.
        unsafe { entry.cast::<Inner<T>>().as_ref() }.timeline.is_busy()
    }

    /// [`EntryOps::free`].
    ///
    /// # Safety
    ///
    /// As for [`Self::quiesce`]; nobody uses it any more.
    unsafe fn free(entry: NonNull<Entry>) {
        // SAFETY: It came from `KBox::into_raw` in `new`, and nobody uses it.
        drop(unsafe { KBox::from_raw(entry.cast::<Inner<T>>().as_ptr()) });
    }

    /// Runs an operation on a fence of this context's type.
    ///
    /// # Safety
    ///
    /// Called by the core, inside an RCU read-side section, on a fence that was
    /// pending inside it.
    unsafe fn with<R>(
        fence: *mut bindings::dma_fence,
        f: impl FnOnce(&T, &T::FenceData, &Header) -> R,
    ) -> R {
        // SAFETY: The operations are only set in fences of this type, and both
        // the fence's data and its context live for a grace period after it has
        // signalled.
        unsafe {
            let fence = &*fence.cast::<FenceData<T::FenceData>>();
            let inner = fence.header.timeline.cast::<Inner<T>>().as_ref();

            f(&inner.data, &fence.data, &fence.header)
        }
    }

    /// The operation `enable_signaling`: always true, as what is complete
    /// already signals in its turn.
    ///
    /// # Safety
    ///
    /// As for [`Self::with`].
    unsafe extern "C" fn enable_signaling(fence: *mut bindings::dma_fence) -> bool {
        // SAFETY: By the function's contract; the sequence number never changes.
        unsafe {
            Self::with(fence, |this, data, header| {
                if let Some(result) = this.enable_signaling(data, (*fence).seqno) {
                    header.timeline.as_ref().note_complete(header, errno(result));
                }
            })
        }
        true
    }

    /// The operation `signaled`: true if the fence has signalled by then.
    ///
    /// # Safety
    ///
    /// As for [`Self::with`].
    unsafe extern "C" fn signaled(fence: *mut bindings::dma_fence) -> bool {
        // SAFETY: By the function's contract; the sequence number never changes.
        unsafe {
            Self::with(fence, |this, data, header| {
                if let Some(result) = this.signaled(data, (*fence).seqno) {
                    header.timeline.as_ref().note_complete(header, errno(result));
                }
            });
            Fence::from_raw(fence).test_signaled_flag()
        }
    }

    /// The operation `set_deadline`.
    ///
    /// # Safety
    ///
    /// As for [`Self::with`].
    unsafe extern "C" fn set_deadline(
        fence: *mut bindings::dma_fence,
        deadline: bindings::ktime_t,
    ) {
        // SAFETY: By the function's contract; the sequence number never changes.
        unsafe {
            Self::with(fence, |this, data, _| {
                this.set_deadline(data, (*fence).seqno, instant_ns(deadline))
            })
        }
    }
}

impl Fence {
    /// The context's data and the fence's own, if this is a pending fence of a
    /// context of type `T` that was made in this module.
    ///
    /// `None` for any other, and once it has signalled.
    ///
    /// Context: any. C: `container_of()`, after a check of the operations.
    pub fn downcast<'a, T: FenceContextOps>(
        &'a self,
        _guard: &'a rcu::Guard,
    ) -> Option<(&'a T, &'a T::FenceData)> {
        // SAFETY: The guard shows that RCU is read-locked, and the fence is valid.
        unsafe { FenceContext::<T>::downcast(self.as_raw()) }
    }
}

/// The sequence number is not above the last one that the context gave out.
pub struct SeqnoError<T: FenceContextOps>(
    /// The memory, unused.
    pub DriverFenceAllocation<T>,
);

impl<T: FenceContextOps> From<SeqnoError<T>> for Error {
    fn from(_: SeqnoError<T>) -> Error {
        EINVAL
    }
}

impl<T: FenceContextOps> Deref for FenceContext<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { &(*self.inner.as_ptr()).data }
    }
}

impl<T: FenceContextOps> Drop for FenceContext<T> {
    fn drop(&mut self) {
        self.timeline().close();
        // SAFETY: By the type invariant the reference is ours.
        unsafe { Entry::put(self.inner.cast()) };
    }
}

/// A point in time from ns of CLOCK_MONOTONIC; what lies before its start is its
/// start.
///
/// The kernel crate lets nobody else make an `Instant`, except from another.
pub(crate) fn instant_ns(ns: i64) -> Instant<Monotonic> {
    let now = Instant::now();

    now + Delta::from_nanos(ns.max(0) - now.as_nanos())
}

/// The error code of a result, or 0.
#[inline]
pub(crate) fn errno(result: Result) -> i32 {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}
