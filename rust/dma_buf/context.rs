// SPDX-License-Identifier: GPL-2.0

//! Fence contexts: a driver's timelines.

mod numbers;
mod ops;
mod vtable;

pub use numbers::ContextNumbers;
pub use ops::FenceContextOps;

use crate::{
    bindings,
    driver_fence::{
        DriverFence,
        DriverFenceAllocation, //
    },
    fence::{
        errno,
        Fence, //
    },
    options::ContextOptions,
    registry::{
        Tracked,
        TrackedBox,
        TrackedEntry, //
    },
    timeline::Timeline, //
};
use core::ops::Deref;
use kernel::{
    prelude::*,
    str::CString,
    sync::aref::ARef, //
};

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

// SAFETY: The timeline, which starts it, starts with the entry, which
// `FenceContext::with_options` makes.
unsafe impl<T: FenceContextOps> Tracked for Inner<T> {
    fn stop(&self) {
        self.timeline.close();
    }

    fn quiesce(&self) {
        self.timeline.sync();
    }

    fn is_busy(&self) -> bool {
        self.timeline.is_busy()
    }
}

/// A timeline of a driver: fences that complete in the order in which they are
/// published.
///
/// When a context is dropped, what is pending on it is cancelled: it signals
/// with `ECANCELED`. Its data is dropped, and its memory freed, a grace period
/// later, in softirq context.
///
/// A context belongs to the module whose code makes it. When that goes, what is
/// pending is cancelled, too, if the context was leaked, or given to another module;
/// there, what is published on it from then on is cancelled at once. It is never
/// freed then.
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
pub struct FenceContext<T: FenceContextOps> {
    inner: TrackedBox<Inner<T>>,
}

impl<T: FenceContextOps> FenceContext<T> {
    /// Makes a context, whose first fence gets the sequence number 1.
    ///
    /// Both names, which are copied, show in `/sys/kernel/debug`, in traces and in
    /// what user space is told. Process context, may sleep. Fails with `ENOMEM`, or as `data`
    /// does.
    ///
    /// C function: `dma_fence_context_alloc()`
    pub fn new<E>(
        driver_name: &CStr,
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
        driver_name: &CStr,
        timeline_name: &CStr,
        options: ContextOptions,
        data: impl PinInit<T, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        // SAFETY: Any context; the count is not zero.
        let number = unsafe { bindings::dma_fence_context_alloc(1) };

        Self::with_number(number, driver_name, timeline_name, options, data)
    }

    /// [`Self::with_options`], for a context number that the caller took for it.
    fn with_number<E>(
        number: u64,
        driver_name: &CStr,
        timeline_name: &CStr,
        options: ContextOptions,
        data: impl PinInit<T, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        // That of the driver, too: its module may go first.
        let driver_name = CString::try_from(driver_name)?;
        let timeline_name = CString::try_from(timeline_name)?;
        let inner = TrackedBox::new(try_pin_init!(Inner {
            timeline <- Timeline::new(
                TrackedEntry::new(TrackedBox::<Inner<T>>::OPS),
                Self::TIMELINE_OPS,
                number,
                driver_name,
                timeline_name,
                options,
            ),
            data <- data,
        }? Error))?;

        Ok(Self { inner })
    }

    #[inline]
    fn timeline(&self) -> &Timeline {
        &self.inner.get().timeline
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
    /// Any context. A lock may be held that callbacks or operations take.
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

    /// Publishes a fence with a sequence number of the caller's choice.
    ///
    /// On a context of [points](ContextOptions::points), numbers may come in any order, and
    /// more than once; fences with the same number signal together. If this number, or a
    /// higher one, has signalled already, so has the fence, or it does so soon: a
    /// context is ordered. The cost grows with the logarithm of the number of pending fences.
    ///
    /// On any other context, a number that is not above the last one, or above 2^63 - 1, is an
    /// error, and the memory comes back.
    ///
    /// Any context, as for [`Self::new_fence`].
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
            Err(SeqnoError(unsafe {
                DriverFenceAllocation::from_inner(fence)
            }))
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
    /// Any context. Interrupts are on again after each 256 fences, if they were before; who
    /// has them off can bound it by `seqno`, see [`Self::first_pending_seqno`].
    pub fn signal_up_to(&self, seqno: u64) -> usize {
        self.timeline().signal_up_to(seqno, 0)
    }

    /// [`Self::signal_up_to`] with `error` instead of success.
    ///
    /// Any context.
    pub fn cancel_up_to(&self, seqno: u64, error: Error) -> usize {
        self.timeline().signal_up_to(seqno, error.to_errno())
    }

    /// The sequence number of the first pending fence, if there is one.
    ///
    /// Any context, but neither in a callback of this context nor with a lock held that one takes.
    pub fn first_pending_seqno(&self) -> Option<u64> {
        self.timeline().first_seqno()
    }

    /// The pending fence with this sequence number, if there is one; of several, the one
    /// that was published last.
    ///
    /// Any context, but neither in a callback of this context nor with a lock held that one takes.
    /// The cost grows with the number of pending fences before it, or, on a context of points,
    /// with its logarithm.
    pub fn pending_at(&self, seqno: u64) -> Option<ARef<Fence>> {
        self.timeline().pending_at(seqno)
    }

    /// Fills `fences` with the first pending fences, in order, as far as it has room.
    ///
    /// Any context, but neither in a callback of this context nor with a lock held that one takes.
    pub fn first_pending(&self, fences: &mut KVec<ARef<Fence>>) {
        self.timeline().first_pending(fences)
    }

    /// [`Self::cancel_up_to`] the last one.
    ///
    /// Any context.
    pub fn cancel_all(&self, error: Error) -> usize {
        self.timeline().signal_up_to(u64::MAX, error.to_errno())
    }
}

/// The sequence number is not above the last one of the context, or above 2^63 - 1.
///
/// # Examples
///
/// ```
/// use dma_buf::SeqnoError;
/// use kernel::prelude::*;
/// # use dma_buf::{FenceContext, FenceContextOps};
/// # struct Ring;
/// # #[vtable]
/// # impl FenceContextOps for Ring {
/// #     type FenceData = ();
/// # }
/// # let ring = FenceContext::new(c"mygpu", c"ring 0", Ring)?;
///
/// let first = ring.new_fence_at(ring.new_fence_allocation(())?, 5);
/// assert!(first.is_ok_and(|job| job.signal(Ok(()))));
/// let late = ring.new_fence(ring.new_fence_allocation(())?);
///
/// // Numbers are given out now, so one that has passed is refused, and nothing is lost.
/// let Err(SeqnoError(memory)) = ring.new_fence_at(ring.new_fence_allocation(())?, 6) else {
///     return Err(EINVAL);
/// };
/// ring.new_fence(memory).signal(Ok(()));
/// late.signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
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
        &self.inner.get().data
    }
}

impl<T: FenceContextOps> Drop for FenceContext<T> {
    fn drop(&mut self) {
        // Before the reference goes, and so before the grace period by whose end
        // nothing may be pending.
        self.timeline().close();
    }
}
