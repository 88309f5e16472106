// SPDX-License-Identifier: GPL-2.0

//! The driver's side of a fence.

use crate::{
    bindings,
    context::FenceContextOps,
    fence::{
        errno,
        Fence,
        Leaf, //
    },
    slab,
    timeline::{
        drop_data,
        FenceData,
        FenceHeader,
        SignalOutcome,
        Timeline,
        PENDING, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::{
        needs_drop,
        ManuallyDrop, //
    },
    ptr::NonNull, //
};
use kernel::{
    alloc::Flags,
    bindings::rcu_callback_t,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Relaxed,
        rcu, //
    },
    time::{
        hrtimer::HrTimerExpires,
        Instant,
        Monotonic, //
    }, //
};

/// The memory of a fence with the driver's data in it, for
/// [`FenceContext::new_fence`](crate::FenceContext::new_fence).
///
/// See [`FenceContext`](crate::FenceContext) for an example.
pub struct DriverFenceAllocation<T: FenceContextOps> {
    inner: KBox<FenceData<T::FenceData>>,
}

// SAFETY: The data is `Send` and `Sync`. The header consists of numbers, and of a pointer that is
// not used before publication.
unsafe impl<T: FenceContextOps> Send for DriverFenceAllocation<T> {}
// SAFETY: As above.
unsafe impl<T: FenceContextOps> Sync for DriverFenceAllocation<T> {}

impl<T: FenceContextOps> DriverFenceAllocation<T> {
    /// Allocates a fence. Fails with `ENOMEM`.
    ///
    /// Context: process, and may sleep, with `GFP_KERNEL`; any with `GFP_ATOMIC` or `GFP_NOWAIT`.
    #[inline]
    pub fn new(data: T::FenceData, flags: Flags) -> Result<Self> {
        let memory = slab::kmalloc::<FenceData<T::FenceData>>(flags)?;

        // SAFETY: The memory is valid for writes, and from the allocator of boxes. All of it is
        // initialised here but the fence, which is opaque.
        let inner = unsafe {
            FenceHeader::init(memory.cast());
            (&raw mut (*memory.as_ptr()).data).write(ManuallyDrop::new(data));
            KBox::from_raw(memory.as_ptr())
        };
        Ok(Self { inner })
    }

    /// Gives the memory up for publication.
    #[inline]
    pub(crate) fn into_inner(self) -> NonNull<FenceData<T::FenceData>> {
        let this = ManuallyDrop::new(self);

        // SAFETY: `this` is not dropped, so the box is moved out once.
        let inner = unsafe { core::ptr::read(&this.inner) };
        // SAFETY: A box is not null.
        unsafe { NonNull::new_unchecked(KBox::into_raw(inner)) }
    }

    /// Undoes [`Self::into_inner`].
    ///
    /// # Safety
    ///
    /// `inner` is from [`Self::into_inner`], and has not been published.
    pub(crate) unsafe fn from_inner(inner: NonNull<FenceData<T::FenceData>>) -> Self {
        Self {
            // SAFETY: By the function's contract.
            inner: unsafe { KBox::from_raw(inner.as_ptr()) },
        }
    }
}

impl<T: FenceContextOps> Drop for DriverFenceAllocation<T> {
    fn drop(&mut self) {
        // SAFETY: The fence is not published, so this is the only owner of its data.
        unsafe { ManuallyDrop::drop(&mut self.inner.data) };
    }
}

/// The only handle to a fence that can signal it.
///
/// Dropping an unsignalled fence cancels it with `ECANCELED` and logs an error once per context.
/// This is a driver bug: the job may still be running and writing to memory that the waiters now
/// reuse. Never signalling would be worse. If a handle is leaked, the fence is cancelled when its
/// context is dropped.
///
/// # Examples
///
/// ```
/// use dma_buf::{FenceStatus, SignalOutcome};
/// use kernel::prelude::*;
/// # let ring = dma_buf::FenceContext::new(c"mygpu", c"ring 0", ())?;
///
/// let job = ring.new_fence(ring.new_fence_allocation(())?);
/// let fence = job.fence();
///
/// // The job failed. Signalling consumes the handle, so it happens once.
/// assert_eq!(job.signal(Err(EIO)), SignalOutcome::Signaled);
/// assert_eq!(fence.status(), FenceStatus::Error(EIO));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `inner` is published in a context of type `T`. The handle owns a reference to it, and is
/// released once, at its end.
#[must_use = "a fence that is dropped unsignalled is cancelled, which is a driver bug"]
pub struct DriverFence<T: FenceContextOps> {
    inner: NonNull<FenceData<T::FenceData>>,
    _data: PhantomData<T>,
}

// SAFETY: The data is `Send` and `Sync`; the rest may be used anywhere.
unsafe impl<T: FenceContextOps> Send for DriverFence<T> {}
// SAFETY: As above.
unsafe impl<T: FenceContextOps> Sync for DriverFence<T> {}

// Moving the handle does not move the fence.
impl<T: FenceContextOps> Unpin for DriverFence<T> {}

/// Context: any, unless a function says otherwise.
impl<T: FenceContextOps> DriverFence<T> {
    /// Drops a fence's data; `None` if it needs no dropping.
    pub(crate) const DROP_DATA: rcu_callback_t = if needs_drop::<T::FenceData>() {
        Some(drop_data::<T::FenceData>)
    } else {
        None
    };

    /// # Safety
    ///
    /// The type's invariants hold for `inner`.
    #[inline]
    pub(crate) unsafe fn from_inner(inner: NonNull<FenceData<T::FenceData>>) -> Self {
        // INVARIANT: By the function's contract.
        Self {
            inner,
            _data: PhantomData,
        }
    }

    /// Borrows the shared side of the fence.
    #[inline]
    pub fn as_fence(&self) -> &Fence {
        // SAFETY: The fence is the first field of the header, which is the first field of the
        // `FenceData`. The handle has a reference.
        unsafe { Fence::from_raw(self.inner.as_ptr().cast()) }
    }

    /// Borrows the shared side of the fence, as a leaf.
    #[inline]
    pub fn as_leaf(&self) -> &Leaf {
        // SAFETY: Its operations are this crate's.
        unsafe { Leaf::ref_unchecked(self.as_fence()) }
    }

    /// Returns a reference to the shared side of the fence.
    ///
    /// C function: `dma_fence_get()`
    #[inline]
    pub fn fence(&self) -> ARef<Fence> {
        self.as_fence().into()
    }

    /// Returns a reference to the shared side of the fence, as a leaf.
    ///
    /// C function: `dma_fence_get()`
    #[inline]
    pub fn leaf(&self) -> ARef<Leaf> {
        self.as_leaf().into()
    }

    /// Borrows the driver's data.
    #[inline]
    pub fn data(&self) -> &T::FenceData {
        // SAFETY: The data is dropped only after the handle was released.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    /// Returns the sequence number of the fence.
    #[inline]
    pub fn seqno(&self) -> u64 {
        self.as_fence().seqno()
    }

    /// Completes the fence with this result. It signals as soon as all fences before it in its
    /// context have, which may be now: then its callbacks run before this returns.
    ///
    /// Fences that are done and have waited for this one signal with it, up to 256 of them; an
    /// irq_work signals the rest.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    ///
    /// C functions: `dma_fence_signal()`, `dma_fence_set_error()`
    #[inline]
    pub fn signal(self, result: Result) -> SignalOutcome {
        self.complete(errno(result), 0)
    }

    /// Completes the fence as [`Self::signal`] does, with the time at which the job was done, for
    /// example as the hardware reports it.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    ///
    /// C function: `dma_fence_signal_timestamp()`
    #[inline]
    pub fn signal_timestamp(self, result: Result, timestamp: Instant<Monotonic>) -> SignalOutcome {
        // 0 means that there is no timestamp.
        self.complete(errno(result), timestamp.as_nanos().max(1))
    }

    /// Gives up the handle. The context completes the fence, by
    /// [`signal_up_to`](crate::FenceContext::signal_up_to) and the like, or when it is dropped.
    pub fn detach(self) -> ARef<Fence> {
        let fence = self.fence();
        let this = ManuallyDrop::new(self);

        // SAFETY: By the type invariant. The handle is not dropped, so it is released once.
        unsafe { FenceHeader::release(this.inner.cast(), Self::DROP_DATA) };
        fence
    }

    #[inline]
    fn complete(self, error: i32, timestamp: i64) -> SignalOutcome {
        let header: NonNull<FenceHeader> = ManuallyDrop::new(self).inner.cast();

        // SAFETY: By the type invariant the handle owns a reference, which is given up here. If
        // `Timeline::complete` returns `Signaled`, the timeline's reference is the caller's, too.
        unsafe {
            let outcome = match Timeline::complete(header, error, timestamp) {
                SignalOutcome::Signaled if Self::DROP_DATA.is_none() => {
                    bindings::dma_buf_rs_dma_fence_put_many(FenceHeader::as_fence(header), 2);
                    return SignalOutcome::Signaled;
                }
                SignalOutcome::Signaled => {
                    FenceHeader::release(header, Self::DROP_DATA);
                    SignalOutcome::Signaled
                }
                // Another CPU, or a point that shares its number, may have signalled it.
                SignalOutcome::InTurn
                    if Fence::from_raw(FenceHeader::as_fence(header)).test_signaled_flag() =>
                {
                    SignalOutcome::Signaled
                }
                other => other,
            };

            FenceHeader::release(header, Self::DROP_DATA);
            outcome
        }
    }

    /// Logs an error, once per context, if the fence is dropped unsignalled.
    #[cold]
    fn warn_unsignalled(&self) {
        let _rcu = rcu::read_lock();
        // SAFETY: By the type invariant.
        let header = unsafe { &(*self.inner.as_ptr()).header };

        if header.result.load(Relaxed) == PENDING {
            // SAFETY: By the invariants of `FenceHeader`, as the fence was pending inside this RCU
            // read-side section.
            unsafe { header.timeline.as_ref() }.warn_unsignalled(self.seqno());
        }
    }
}

impl<T: FenceContextOps> Drop for DriverFence<T> {
    fn drop(&mut self) {
        self.warn_unsignalled();
        // SAFETY: By the type invariant, and the handle is not used after this.
        let handle = unsafe { Self::from_inner(self.inner) };

        handle.complete(ECANCELED.to_errno(), 0);
    }
}
