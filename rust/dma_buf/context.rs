// SPDX-License-Identifier: GPL-2.0

//! Fence contexts: a driver's timelines.

mod ops;

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
        FenceData,
        Timeline,
        TimelineOps, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::needs_drop,
    ops::Deref, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        rcu, //
    }, //
};

/// The memory of a context.
#[pin_data]
#[repr(C)]
struct Inner<T: FenceContextOps> {
    /// The first field, as the registry and the operations cast pointers to it.
    #[pin]
    timeline: Timeline,
    #[pin]
    data: T,
}

// SAFETY: The first field is the timeline, whose first field is the entry.
// `FenceContext::with_number` makes the entry with the `OPS` of this type.
unsafe impl<T: FenceContextOps> Tracked for Inner<T> {
    fn stop(&self) {
        self.timeline.close();
    }

    unsafe fn quiesce(&self) {
        // SAFETY: By the function's contract, no other task calls `sync`.
        unsafe { self.timeline.sync() };
    }

    fn is_busy(&self) -> bool {
        self.timeline.is_busy()
    }
}

/// A timeline of a driver. Its fences signal in the order of their sequence numbers.
///
/// Dropping a context cancels its pending fences: they signal with `ECANCELED`. Its data is
/// dropped, and its memory freed, a grace period later, in softirq context.
///
/// Context of the drop: any; no fence lock held, and no lock that a callback takes.
///
/// A context belongs to the module whose code makes it. When that module is unloaded, a context
/// that was leaked or given to another module cancels its pending fences, and each fence that is
/// published on it afterwards. Such a context is never freed.
///
/// # Examples
///
/// ```
/// use dma_buf::{FenceContext, FenceStatus};
/// use kernel::prelude::*;
///
/// // The last argument is the driver's data: here there is none.
/// let ring = FenceContext::new(c"mygpu", c"ring 0", ())?;
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

/// Context: any, unless a function says otherwise.
impl<T: FenceContextOps> FenceContext<T> {
    /// Creates a context. Fails with `ENOMEM`, or as `data` does. Both names are copied. User space
    /// sees them in `/sys/kernel/debug`, in traces and in `SYNC_IOC_FILE_INFO`.
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
        // SAFETY: The function may be called in any context. The count is not zero.
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
    /// the driver's queue under one lock, so that the queue is in the order of the fences. If that
    /// lock is a spinlock, take a [`DriverFence::leaf`] with it held, and add the leaf to
    /// reservation objects after unlocking.
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
        // SAFETY: The fence is published, and this function owns a reference to it.
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
            // SAFETY: The fence is published, and this function owns a reference to it.
            Ok(unsafe { DriverFence::from_inner(fence) })
        } else {
            // SAFETY: The fence is from the allocation, and was not published.
            Err(SeqnoError(unsafe {
                DriverFenceAllocation::from_inner(fence)
            }))
        }
    }

    /// Returns the highest sequence number, up to the last published one, whose lower 32 bits are
    /// `seqno`, as hardware reports it. Returns `None` if that number would be negative.
    ///
    /// For a number that has not been published, the result is 2^32 lower. The fences up to there
    /// have signalled, so [`Self::signal_up_to`] does nothing. Fewer than 2^32 fences may be
    /// pending.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{ContextOptions, FenceContext};
    /// use kernel::prelude::*;
    ///
    /// let options = ContextOptions::new().first_seqno(0xffff_ffff)?;
    /// let ring = FenceContext::with_options(c"mygpu", c"ring 0", options, ())?;
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
    /// Returns `false` if there is none, or it is done. Takes time linear in the number of pending
    /// fences before it.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn signal_seqno(&self, seqno: u64, result: Result) -> bool {
        self.timeline().complete_seqno(seqno, errno(result))
    }

    /// Signals all pending fences up to and including sequence number `seqno`, with success unless
    /// they are done with another result. Returns their number. Later fences that are done signal
    /// with them. If there are many, an irq_work signals the rest, which are not counted.
    ///
    /// Interrupts are enabled again after every 256 fences. A caller that has disabled them limits
    /// the number of fences by `seqno`: see [`Self::first_pending_seqno`].
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn signal_up_to(&self, seqno: u64) -> usize {
        self.timeline().signal_up_to(seqno, 0)
    }

    /// Like [`Self::signal_up_to`], with `error` instead of success.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn cancel_up_to(&self, seqno: u64, error: Error) -> usize {
        self.timeline().signal_up_to(seqno, error.to_errno())
    }

    /// Like [`Self::cancel_up_to`], for all pending fences.
    ///
    /// Context: any; no fence lock held, and no lock that a callback takes.
    pub fn cancel_all(&self, error: Error) -> usize {
        self.timeline().signal_up_to(u64::MAX, error.to_errno())
    }

    /// Returns the number of pending fences on a context of [points](ContextOptions::points), and 0
    /// on any other.
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
    /// that was published last. Takes time linear in the number of pending fences before it, or
    /// logarithmic on a context of points.
    ///
    /// Context: any, but not a callback of this context, and no lock held that a callback takes.
    pub fn find_pending(&self, seqno: u64) -> Option<ARef<Fence>> {
        self.timeline().find_pending(seqno)
    }

    /// Fills `fences` with the first pending fences, in order, up to its capacity.
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
/// # let ring = dma_buf::FenceContext::new(c"mygpu", c"ring 0", ())?;
///
/// ring.new_fence_at(ring.new_fence_allocation(())?, 5)?.signal(Ok(()));
/// // 5 was given out, so it is refused, and the memory comes back.
/// let Err(SeqnoError(memory)) = ring.new_fence_at(ring.new_fence_allocation(())?, 5) else {
///     return Err(EINVAL);
/// };
/// ring.new_fence(memory).signal(Ok(()));
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
        // Before the reference is dropped: no fence may be pending at the end of the grace period
        // that follows.
        self.timeline().close();
    }
}

/// The largest number of context numbers in a range. The kernel allocates fewer than 2^32 at a
/// time.
const MAX_COUNT: u64 = 1 << 44;

/// The highest first number of a range. The kernel's 64-bit counter wraps silently, and other
/// contexts would get the same numbers.
const MAX_FIRST: u64 = 1 << 62;

/// Allocates `count` context numbers that follow each other. Returns the first.
fn alloc(count: u64) -> Result<u64> {
    if count > MAX_COUNT {
        return Err(E2BIG);
    }
    let (mut first, mut allocated) = (0, 0);

    while allocated < count {
        let more = (count - allocated).min(u32::MAX.into()) as u32;
        // SAFETY: The function may be called in any context. The count is not 0.
        let start = unsafe { bindings::dma_fence_context_alloc(more) };

        if start > MAX_FIRST {
            return Err(ENOSPC);
        }
        // If another driver has allocated numbers in between, the range starts anew.
        if start != first + allocated {
            (first, allocated) = (start, 0);
        }
        allocated += u64::from(more);
    }
    Ok(first)
}

/// A range of context numbers for contexts of one type.
///
/// [`Fence::downcast`] does not find the data of a fence that has signalled. A driver that must
/// recognise its own fences even then takes the numbers of its contexts from a range.
///
/// # Examples
///
/// ```
/// use dma_buf::{ContextNumbers, ContextOptions, Fence, FenceContextOps};
/// use kernel::prelude::*;
///
/// struct Ring;
///
/// #[vtable]
/// impl FenceContextOps for Ring {
///     type FenceData = u32;
/// }
///
/// let numbers = ContextNumbers::<Ring>::new(2)?;
/// let ring = numbers.context(c"mygpu", c"ring 0", ContextOptions::new(), Ring)?;
/// let job = ring.new_fence(ring.new_fence_allocation(7)?);
/// let fence = job.fence();
///
/// job.signal(Ok(()));
/// assert_eq!(numbers.data(&fence), Some(&7));
/// assert_eq!(numbers.data(&Fence::stub()), None);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// All contexts with a number of the range are of type `T`. By the contract of
/// `dma_fence_context_alloc()` numbers are unique, so another driver uses them at most for arrays
/// and chains.
pub struct ContextNumbers<T: FenceContextOps> {
    first: u64,
    count: u64,
    used: Atomic<u64>,
    _contexts: PhantomData<fn() -> T>,
}

impl<T: FenceContextOps> ContextNumbers<T> {
    /// Allocates `count` context numbers that follow each other. They are never reused.
    /// Fails with `E2BIG` if `count` is more than 2^44, and with `ENOSPC` once the kernel has given
    /// out 2^62 numbers.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_context_alloc()`
    pub fn new(count: u64) -> Result<Self> {
        // INVARIANT: The numbers are new, and only `context` uses them.
        Ok(Self {
            first: alloc(count)?,
            count,
            used: Atomic::new(0),
            _contexts: PhantomData,
        })
    }

    /// Makes a context with the next number of the range. Fails with `ENOSPC` if all are used, and
    /// as [`FenceContext::new`] does; then the number is used up as well.
    ///
    /// Context: process; may sleep.
    pub fn context<E>(
        &self,
        driver_name: &CStr,
        timeline_name: &CStr,
        options: ContextOptions,
        data: impl PinInit<T, E>,
    ) -> Result<FenceContext<T>>
    where
        Error: From<E>,
    {
        let index = self.used.fetch_add(1, Relaxed);

        if index >= self.count {
            return Err(ENOSPC);
        }
        FenceContext::with_number(
            self.first + index,
            driver_name,
            timeline_name,
            options,
            data,
        )
    }

    /// Returns the driver's data of a fence of these contexts, pending or signalled; `None` for
    /// any other fence.
    ///
    /// Compiles only if the data needs no dropping, as it must stay until the fence is freed.
    ///
    /// Context: any, also a callback.
    pub fn data<'a>(&self, fence: &'a Fence) -> Option<&'a T::FenceData> {
        const { assert!(!needs_drop::<T::FenceData>(), "it would be dropped by now") };

        let index = fence.context().checked_sub(self.first);
        let in_range = index.is_some_and(|index| index < self.count);

        if !in_range {
            return None;
        }
        // An array may have the context number of a member. It keeps its operations when it
        // signals, as they have a `release`. A fence of this crate has operations of this crate, or
        // none after it has signalled.
        let rcu = rcu::read_lock();
        // SAFETY: The fence is valid, and RCU is read-locked.
        let ops = unsafe { TimelineOps::load(fence.as_raw()) };
        // SAFETY: As above.
        let is_ours = ops.is_none_or(|ops| unsafe { TimelineOps::of_fence(ops) }.is_some());
        drop(rcu);

        // SAFETY: The fence is neither an array nor a link. So by the type invariant it is of a
        // context of type `T`, and at offset 0 of a `FenceData` of that type. The data was written
        // before publication, is never dropped, and is only borrowed shared.
        is_ours.then(|| unsafe { &*(*fence.as_raw().cast::<FenceData<T::FenceData>>()).data })
    }
}
