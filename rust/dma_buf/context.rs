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
    registry::{
        Tracked,
        TrackedBox,
        TrackedEntry, //
    },
    timeline::{
        ContextOptions,
        Timeline, //
    }, //
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

/// A timeline of a driver. Its fences signal in the order in which they are published.
///
/// Dropping a context, in any context in which a fence may be signalled, cancels its pending
/// fences: they signal with `ECANCELED`. Its data is
/// dropped, and its memory freed, a grace period later, in softirq context.
///
/// A context belongs to the module whose code makes it. When that module goes, the pending fences
/// of a context that was leaked, or given to another module, are cancelled as well, and so is each
/// fence that the other module publishes on it afterwards. Such a context is never freed.
///
/// # Examples
///
/// ```
/// use dma_buf::{FenceContext, FenceContextOps, FenceStatus};
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
/// // This may sleep and fail, so it comes before the job is committed.
/// let memory = ring.new_fence_allocation(())?;
/// // This cannot fail.
/// let job = ring.new_fence(memory);
/// let fence = job.fence();
/// assert_eq!(fence.status(), FenceStatus::Pending);
///
/// job.signal(Ok(()));
/// assert_eq!(fence.status(), FenceStatus::Signaled);
/// # Ok::<(), Error>(())
/// ```
pub struct FenceContext<T: FenceContextOps> {
    inner: TrackedBox<Inner<T>>,
}

impl<T: FenceContextOps> FenceContext<T> {
    /// Creates a context whose first fence gets the sequence number 1.
    ///
    /// Both names are copied. User space sees them in `/sys/kernel/debug`, in traces and in
    /// `SYNC_IOC_FILE_INFO`. Fails with `ENOMEM`, or as `data` does.
    ///
    /// Context: process; may sleep.
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

    /// Creates a context as [`Self::new`] does, with options.
    ///
    /// Context: process; may sleep.
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

    /// [`Self::with_options`], with a context number that the caller has allocated.
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
        // Both are copied, as the driver's module may go first.
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

    /// Returns the number of the context, which is unique in the running system.
    ///
    /// Context: any.
    #[inline]
    pub fn context(&self) -> u64 {
        self.timeline().context()
    }

    /// Allocates a fence with the driver's data in it. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    #[inline]
    pub fn new_fence_allocation(&self, data: T::FenceData) -> Result<DriverFenceAllocation<T>> {
        DriverFenceAllocation::new(data, GFP_KERNEL)
    }

    /// Publishes a fence with the next sequence number.
    ///
    /// From here on others may wait for the fence, so it must signal, and nothing that it depends
    /// on may wait for memory. If several threads submit jobs, publish the fence and add the job to
    /// the driver's queue under one lock, so that the queue is in the order of the fences.
    ///
    /// Context: any. Locks that callbacks or operations take may be held.
    ///
    /// C function: `dma_fence_init64()`
    #[inline]
    pub fn new_fence(&self, memory: DriverFenceAllocation<T>) -> DriverFence<T> {
        let fence = memory.into_inner();

        // SAFETY: The allocation owned the fence, which is of the type that this context's
        // operations are for.
        unsafe { self.timeline().publish(fence.cast()) };
        // SAFETY: It is published, and the caller's reference is ours.
        unsafe { DriverFence::from_inner(fence) }
    }

    /// Publishes a fence with a sequence number of the caller's choice.
    ///
    /// On a context of [points](ContextOptions::points), numbers may come in any order, and more
    /// than once: fences with the same number signal together. If a fence with this number, or a
    /// higher one, has signalled, so does this fence, now or soon: a context is ordered. Takes
    /// time logarithmic in the number of pending fences.
    ///
    /// On any other context, a number must be above all earlier ones and below 2^63. Otherwise
    /// this fails and returns the memory.
    ///
    /// Context: any. Locks that callbacks or operations take may be held.
    pub fn new_fence_at(
        &self,
        memory: DriverFenceAllocation<T>,
        seqno: u64,
    ) -> Result<DriverFence<T>, SeqnoError<T>> {
        let fence = memory.into_inner();

        // SAFETY: The allocation owned the fence, which is of the type that this context's
        // operations are for.
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

    /// Returns the highest sequence number, up to the last published one, whose lower 32 bits are
    /// `seqno`, as hardware reports it. Returns `None` if there is none that is not negative.
    ///
    /// If the hardware reports a number that has not been published, the result is 2^32 lower. It
    /// has passed, so [`Self::signal_up_to`] does nothing. Fewer than 2^32 fences may be pending.
    ///
    /// Context: any.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{ContextOptions, FenceContext, FenceContextOps};
    /// use kernel::prelude::*;
    ///
    /// struct Ring;
    ///
    /// #[vtable]
    /// impl FenceContextOps for Ring {
    ///     type FenceData = ();
    /// }
    ///
    /// let options = ContextOptions::new().first_seqno(0xffff_ffff)?;
    /// let ring = FenceContext::with_options(c"mygpu", c"ring 0", options, Ring)?;
    /// ring.new_fence(ring.new_fence_allocation(())?).detach();
    /// ring.new_fence(ring.new_fence_allocation(())?).detach();
    ///
    /// // The interrupt handler reads 0 from the ring: the register has wrapped.
    /// let done = ring.extend_seqno(0).ok_or(EIO)?;
    /// assert_eq!(done, 0x1_0000_0000);
    /// assert_eq!(ring.signal_up_to(done), 2);
    /// assert_eq!(ring.extend_seqno(1), Some(1));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn extend_seqno(&self, seqno: u32) -> Option<u64> {
        let last = self.timeline().last_seqno();

        last.checked_sub((last as u32).wrapping_sub(seqno).into())
    }

    /// Completes the pending fence with this sequence number, as [`DriverFence::signal`] does.
    /// Returns `false` if there is none, or it is done.
    ///
    /// Takes time linear in the number of pending fences before it.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn signal_seqno(&self, seqno: u64, result: Result) -> bool {
        self.timeline().complete_seqno(seqno, errno(result))
    }

    /// Signals all pending fences up to and including sequence number `seqno`: with success,
    /// unless they are done with another result. Returns their number.
    ///
    /// Interrupts are on again after each 256 fences. A caller that has them off can limit how
    /// many there are by `seqno`, see [`Self::first_pending_seqno`]. Fences behind these that are
    /// done signal as well: if there are many, a moment later, and not counted.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn signal_up_to(&self, seqno: u64) -> usize {
        self.timeline().signal_up_to(seqno, 0)
    }

    /// Signals fences as [`Self::signal_up_to`] does, with `error` instead of success.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn cancel_up_to(&self, seqno: u64, error: Error) -> usize {
        self.timeline().signal_up_to(seqno, error.to_errno())
    }

    /// Signals all pending fences as [`Self::cancel_up_to`] does.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn cancel_all(&self, error: Error) -> usize {
        self.timeline().signal_up_to(u64::MAX, error.to_errno())
    }

    /// Returns how many fences are pending on a context of [points](ContextOptions::points), and 0
    /// on others.
    ///
    /// Context: any.
    pub fn point_count(&self) -> usize {
        self.timeline().point_count()
    }

    /// Returns the sequence number of the first pending fence, if there is one.
    ///
    /// Context: any, but not a callback of this context, and no lock held that a callback takes.
    pub fn first_pending_seqno(&self) -> Option<u64> {
        self.timeline().first_pending_seqno()
    }

    /// Returns the pending fence with this sequence number, if there is one; of several, the one
    /// that was published last.
    ///
    /// Takes time linear in the number of pending fences before it, or logarithmic on a context of
    /// points.
    ///
    /// Context: any, but not a callback of this context, and no lock held that a callback takes.
    pub fn find_pending(&self, seqno: u64) -> Option<ARef<Fence>> {
        self.timeline().find_pending(seqno)
    }

    /// Fills `fences` with the first pending fences, in order, as far as it has room.
    ///
    /// Context: any, but not a callback of this context, and no lock held that a callback takes.
    pub fn pending(&self, fences: &mut KVec<ARef<Fence>>) {
        self.timeline().pending(fences)
    }
}

/// The error of [`FenceContext::new_fence_at`]: the sequence number is not above the last one of
/// the context, or not below 2^63.
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
/// first?.signal(Ok(()));
/// let late = ring.new_fence(ring.new_fence_allocation(())?);
///
/// // 6 was given out meanwhile, so it is refused, and the memory comes back.
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
