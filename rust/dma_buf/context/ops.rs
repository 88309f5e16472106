// SPDX-License-Identifier: GPL-2.0

//! The operations of a driver on its fences, and how the core calls them.

use super::{
    FenceContext,
    Inner, //
};
use crate::{
    bindings,
    driver_fence::DriverFence,
    fence::{
        errno,
        instant_from_ns,
        Fence, //
    },
    registry::TrackedBox,
    timeline::{
        FenceData,
        FenceHeader,
        PollFn,
        Timeline,
        TimelineOps,
        PENDING, //
    }, //
};
use core::{
    any::TypeId,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Relaxed,
        rcu, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// The operations of a driver on the fences of its contexts.
///
/// The type that implements this is the data of the context: the operations borrow it, and
/// [`FenceContext`] dereferences to it. `()` is a context without data and operations.
///
/// An implementation needs `#[vtable]`. All operations are optional. The core calls them on fences
/// that have not signalled, and their arguments stay valid for a grace period after the signal.
/// They may run on several CPUs at a time, with interrupts off and with the fence's lock held. So
/// they must not sleep, signal a fence, or ask a context for its pending fences.
///
/// # Order
///
/// Fences of a context signal in order. Most waiters have only the latest, as reservation objects
/// and merges drop earlier ones. So a request for a fence is a request for all before it, too:
///
/// - A fence that is found complete waits for earlier ones. If the driver implements
///   [`signaled`](Self::signaled), an irq_work calls it for the pending fences in order, up to the
///   first that is not complete. It does so again each time that the waiting fence is asked.
/// - If signaling is enabled for a fence, the driver must complete it and all fences before it, for
///   which signaling may never be enabled.
///
/// # Locks
///
/// Signalling takes the fence's lock, too. So an operation must not take a lock that is held while
/// a fence of the context is signalled, cancelled or dropped, nor one that is ever held with
/// interrupts on. Release such a lock before signalling, or use atomics in the operation. The lock
/// may be held while publishing.
///
/// # Examples
///
/// ```
/// use dma_buf::{FenceContext, FenceContextOps};
/// use kernel::{prelude::*, sync::atomic::{Acquire, Atomic, Release}};
///
/// /// A ring whose hardware writes the number of the last job that it has done.
/// struct Ring {
///     done: Atomic<u64>,
/// }
///
/// #[vtable]
/// impl FenceContextOps for Ring {
///     type FenceData = ();
///
///     fn signaled(&self, _data: &(), seqno: u64) -> Option<Result> {
///         (self.done.load(Acquire) >= seqno).then_some(Ok(()))
///     }
/// }
///
/// let ring = FenceContext::new(c"mygpu", c"ring 0", Ring { done: Atomic::new(0) })?;
/// let job = ring.new_fence(ring.new_fence_allocation(())?);
/// let fence = job.fence();
///
/// // No interrupt comes, but the fence is asked.
/// ring.done.store(1, Release);
/// fence.is_signaled();
/// fence.wait()?;
/// # job.signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
#[vtable]
pub trait FenceContextOps: Send + Sync + Sized + 'static {
    /// Set by `#[vtable]` and not used: a context belongs to the module that makes it. It has no
    /// bound, so that the implementation for `()` need not name this module.
    #[doc(hidden)]
    type OwnerModule;

    /// The driver's data in each fence.
    ///
    /// It is dropped in softirq context, a grace period after the fence has signalled and its
    /// handle is gone; so its drop must not sleep. If the handle is leaked, so is the data.
    type FenceData: Send + Sync + 'static;

    /// Makes the hardware report when the work of the fence is complete. Called for the first wait
    /// or callback.
    ///
    /// Called at most once for a fence. From here on the driver completes this fence, and all
    /// fences before it in the context, without being asked. Returns the result if the work of this
    /// one is complete already; the fence then signals soon, in its turn.
    ///
    /// Context: any; the fence's lock is held, with interrupts off.
    ///
    /// C: `dma_fence_ops::enable_signaling`
    fn enable_signaling(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Returns the result of the work if it is complete. The fence then signals soon, in its turn.
    /// Called whenever the fence is asked whether it has signalled, and from an irq_work when a
    /// fence after this one was found complete.
    ///
    /// Context: any; the fence's lock may be held.
    ///
    /// C: `dma_fence_ops::signaled`
    fn signaled(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Passes on the time by which a waiter wants the fence. The driver may ignore it. Called any
    /// number of times.
    ///
    /// Context: any; the fence's lock is not held.
    ///
    /// C: `dma_fence_ops::set_deadline`
    fn set_deadline(&self, _data: &Self::FenceData, _seqno: u64, _deadline: Instant<Monotonic>) {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Called after the [timeout](crate::ContextOptions::timeout) of the context has signalled
    /// `count` fences. All fences up to `seqno` have signalled.
    ///
    /// Context: the interrupt of a timer (a softirq with `PREEMPT_RT`), with no lock held. The
    /// context may be used.
    fn expired(&self, _seqno: u64, _count: usize) {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }
}

/// A context without data and operations, whose fences have no data.
#[vtable]
impl FenceContextOps for () {
    type OwnerModule = ();
    type FenceData = ();
}

impl<T: FenceContextOps> FenceContext<T> {
    pub(super) const TIMELINE_OPS: &'static TimelineOps = &TimelineOps {
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
        drop_data: DriverFence::<T>::DROP_DATA,
        poll: if T::HAS_SIGNALED {
            Some(Self::poll as PollFn)
        } else {
            None
        },
        expired: if T::HAS_EXPIRED {
            Some(Self::expired)
        } else {
            None
        },
        type_id: TypeId::of::<T>,
        module_tag: TrackedBox::<Inner<T>>::free,
    };

    /// Runs an operation on a fence of this context's type.
    ///
    /// # Safety
    ///
    /// RCU is read-locked, and inside that section the fence had operations of this type.
    unsafe fn with<R>(
        fence: *mut bindings::dma_fence,
        f: impl FnOnce(&T, &T::FenceData, &FenceHeader) -> R,
    ) -> R {
        // SAFETY: Only fences of this type have these operations. By the function's contract and
        // the invariants of `FenceHeader`, the fence's data and its context stay until the RCU
        // read-side section ends.
        unsafe {
            let fence = &*fence.cast::<FenceData<T::FenceData>>();
            let inner = fence.header.timeline.cast::<Inner<T>>().as_ref();

            f(&inner.data, &fence.data, &fence.header)
        }
    }

    /// The operation `enable_signaling`. Returns `true` also if the work is complete, as the fence
    /// then signals in its turn.
    ///
    /// # Safety
    ///
    /// As for [`Self::with`].
    unsafe extern "C" fn enable_signaling(fence: *mut bindings::dma_fence) -> bool {
        // SAFETY: By the function's contract; the sequence number never changes.
        unsafe {
            Self::with(fence, |this, data, header| {
                if let Some(result) = this.enable_signaling(data, (*fence).seqno) {
                    header.timeline.as_ref().note_done(header, errno(result));
                }
            })
        }
        true
    }

    /// The operation `signaled`. Returns `true` if the fence has signalled by then.
    ///
    /// # Safety
    ///
    /// As for [`Self::with`].
    unsafe extern "C" fn signaled(fence: *mut bindings::dma_fence) -> bool {
        // SAFETY: By the function's contract; the sequence number never changes.
        unsafe {
            Self::with(fence, |this, data, header| {
                let timeline = header.timeline.as_ref();

                if header.result.load(Relaxed) != PENDING {
                    // It waits for earlier fences, which may be complete by now.
                    timeline.queue_reap();
                } else if let Some(result) = this.signaled(data, (*fence).seqno) {
                    timeline.note_done(header, errno(result));
                }
            });
            Fence::from_raw(fence).test_signaled_flag()
        }
    }

    /// [`TimelineOps::poll`].
    ///
    /// # Safety
    ///
    /// As for [`PollFn`], on a fence of this type.
    unsafe fn poll(header: NonNull<FenceHeader>) -> Option<i32> {
        let fence = FenceHeader::as_fence(header);

        // SAFETY: By the function's contract the fence was pending inside this RCU read-side
        // section, and so had its operations. The sequence number never changes.
        unsafe {
            Self::with(fence, |this, data, _| {
                this.signaled(data, (*fence).seqno).map(errno)
            })
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
                this.set_deadline(data, (*fence).seqno, instant_from_ns(deadline))
            })
        }
    }

    /// [`TimelineOps::expired`].
    ///
    /// # Safety
    ///
    /// `timeline` is that of a context of this type.
    unsafe fn expired(timeline: NonNull<Timeline>, seqno: u64, count: usize) {
        // SAFETY: By the function's contract. The timeline is the first field of the context.
        let inner = unsafe { timeline.cast::<Inner<T>>().as_ref() };

        inner.data.expired(seqno, count);
    }

    /// Returns the data of the context and of the fence, if the fence is of a context of this type
    /// that was made in this module, and still has its operations.
    ///
    /// # Safety
    ///
    /// RCU is read-locked for `'a`, and the fence valid.
    unsafe fn downcast<'a>(fence: *mut bindings::dma_fence) -> Option<(&'a T, &'a T::FenceData)> {
        // SAFETY: The fence is valid, and RCU is read-locked.
        let ops = unsafe { TimelineOps::load(fence) };

        if !ops
            // SAFETY: `ops` are the operations of the fence.
            .and_then(|ops| unsafe { TimelineOps::of_fence(ops) })
            .is_some_and(|ops| ops.is_same(Self::TIMELINE_OPS))
        {
            return None;
        }

        // SAFETY: The operations are for this type, so the context and the data are of this type.
        // Both stay valid as in `with`.
        unsafe {
            let header = &*fence.cast::<FenceHeader>();

            Some((
                &(*header.timeline.cast::<Inner<T>>().as_ptr()).data,
                &(*fence.cast::<FenceData<T::FenceData>>()).data,
            ))
        }
    }
}

impl Fence {
    /// Returns the context's data and the fence's own, if this is a pending fence of a context of
    /// type `T` that was made in this module. Returns `None` for any other fence, and once it has
    /// signalled: see [`ContextNumbers`](crate::ContextNumbers).
    ///
    /// Context: any.
    ///
    /// C: `container_of()`, after a check of the operations
    pub fn downcast<'a, T: FenceContextOps>(
        &'a self,
        _guard: &'a rcu::Guard,
    ) -> Option<(&'a T, &'a T::FenceData)> {
        // SAFETY: The guard shows that RCU is read-locked, and the fence is valid.
        unsafe { FenceContext::<T>::downcast(self.as_raw()) }
    }
}
