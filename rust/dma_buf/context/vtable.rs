// SPDX-License-Identifier: GPL-2.0

//! From a `dma_fence` to the driver's types: the operations that the core calls.

use super::{
    FenceContext,
    FenceContextOps,
    Inner, //
};
use crate::{
    bindings,
    driver_fence::DriverFence,
    fence::{
        errno,
        instant,
        Fence, //
    },
    registry::TrackedBox,
    timeline::{
        FenceData,
        Header,
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
    ffi::c_void,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed, //
        },
        rcu, //
    }, //
};

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
        anchor: TrackedBox::<Inner<T>>::free,
    };

    /// Runs an operation on a fence of this context's type.
    ///
    /// # Safety
    ///
    /// Called inside an RCU read-side section, on a fence whose operations were set
    /// inside it.
    unsafe fn with<R>(
        fence: *mut bindings::dma_fence,
        f: impl FnOnce(&T, &T::FenceData, &Header) -> R,
    ) -> R {
        // SAFETY: The operations are only set in fences of this type. As they were
        // set inside this section, by the invariants of `Header` both the fence's
        // data and its context stay until it ends.
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

                if header.outcome.load(Relaxed) != PENDING {
                    // It waits for those before it, which may be complete by now.
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
    unsafe fn poll(header: NonNull<Header>) -> Option<i32> {
        let fence = Header::as_fence(header);

        // SAFETY: By the function's contract: what is pending has its operations.
        // The sequence number never changes.
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
                this.set_deadline(data, (*fence).seqno, instant(deadline))
            })
        }
    }

    /// [`TimelineOps::expired`].
    ///
    /// # Safety
    ///
    /// `timeline` is that of a context of this type.
    unsafe fn expired(timeline: NonNull<Timeline>, seqno: u64, count: usize) {
        // SAFETY: By the function's contract; the timeline starts the context.
        let inner = unsafe { timeline.cast::<Inner<T>>().as_ref() };

        inner.data.expired(seqno, count);
    }

    /// Returns the context's data, and that of the fence, if the fence is of this type of
    /// context, was made in this module, and has not signalled, or is just about to.
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

            ops.as_ref()
                .and_then(|ops| TimelineOps::of_fence(ops))
                .is_some_and(|ops| ops.is_same(Self::TIMELINE_OPS))
        };
        if !ours {
            return None;
        }

        // SAFETY: It has operations for this type, so its context and its data are of
        // this type. They were still set inside this RCU read-side section, so by the
        // invariants of `Header` both stay until it ends, though it may be signalling
        // by now.
        unsafe {
            let header = &*fence.cast::<Header>();

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
