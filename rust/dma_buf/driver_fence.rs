// SPDX-License-Identifier: GPL-2.0

//! The driver's side of a fence.

use crate::{
    context::FenceContextOps,
    fence::{
        errno,
        Fence,
        Leaf, //
    },
    header::{
        self,
        FenceData,
        Header, //
    },
    slab,
    timeline::Timeline, //
};
use core::{
    marker::PhantomData,
    mem::{
        needs_drop,
        ManuallyDrop, //
    },
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    alloc::Flags,
    bindings::rcu_callback_t,
    ffi::c_void,
    prelude::*,
    sync::aref::ARef,
    time::{
        hrtimer::HrTimerExpires,
        Instant,
        Monotonic, //
    },
    types::ForeignOwnable, //
};

/// The memory of a fence, with the driver's data in it, before anybody can see
/// it.
///
/// Dropped, it drops the data and is gone.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// # use dma_buf::{FenceContext, FenceContextOps};
/// # struct Ring;
/// # #[vtable]
/// # impl FenceContextOps for Ring {
/// #     type FenceData = u32;
/// # }
/// # let ring = FenceContext::new(c"mygpu", c"ring 0", Ring)?;
///
/// // May fail, so it comes before anything is committed; the data can still change.
/// let mut memory = ring.new_fence_allocation(7)?;
/// *memory.data_mut() += 1;
///
/// let job = ring.new_fence(memory);
/// assert_eq!(*job.data(), 8);
/// job.signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
pub struct DriverFenceAllocation<T: FenceContextOps> {
    inner: KBox<FenceData<T::FenceData>>,
}

// SAFETY: The data is `Send` and `Sync`; the header, which nobody else sees, is
// numbers and a pointer that is not used before publication.
unsafe impl<T: FenceContextOps> Send for DriverFenceAllocation<T> {}
// SAFETY: As above.
unsafe impl<T: FenceContextOps> Sync for DriverFenceAllocation<T> {}

impl<T: FenceContextOps> DriverFenceAllocation<T> {
    /// Allocates a fence.
    ///
    /// Context: what `flags` say. Fails with `ENOMEM`.
    #[inline]
    pub fn new(data: T::FenceData, flags: Flags) -> Result<Self> {
        let memory = slab::kmalloc::<FenceData<T::FenceData>>(flags)?;

        // SAFETY: The memory is valid for writes, and such as a box has. It is
        // initialised then, but for the fence in it, which may be anything.
        let inner = unsafe {
            Header::init(memory.cast());
            (&raw mut (*memory.as_ptr()).data).write(ManuallyDrop::new(data));
            KBox::from_raw(memory.as_ptr())
        };
        Ok(Self { inner })
    }

    /// The data.
    ///
    /// Any context.
    pub fn data(&self) -> &T::FenceData {
        &self.inner.data
    }

    /// The data, which nobody else sees yet.
    ///
    /// Any context.
    pub fn data_mut(&mut self) -> &mut T::FenceData {
        &mut self.inner.data
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
}

impl<T: FenceContextOps> DriverFenceAllocation<T> {
    /// Undoes [`Self::into_inner`].
    ///
    /// # Safety
    ///
    /// `inner` came from there, and has not been published.
    pub(crate) unsafe fn from_inner(inner: NonNull<FenceData<T::FenceData>>) -> Self {
        Self {
            // SAFETY: By the function's contract.
            inner: unsafe { KBox::from_raw(inner.as_ptr()) },
        }
    }
}

impl<T: FenceContextOps> Drop for DriverFenceAllocation<T> {
    fn drop(&mut self) {
        // SAFETY: Not published, so this is the only owner of the data.
        unsafe { ManuallyDrop::drop(&mut self.inner.data) };
    }
}

/// The one handle that can signal a fence.
///
/// It can live anywhere, and go to any CPU. A fence that is dropped unsignalled
/// is cancelled, with `ECANCELED`, and this is complained about, once for each
/// context: the job may well be running still, and whoever waited now uses
/// memory that it writes. It is a driver bug, and this the lesser evil.
///
/// A handle that is leaked leaves its fence to the context, which cancels it
/// when it goes.
///
/// # Examples
///
/// ```
/// use dma_buf::Status;
/// use kernel::prelude::*;
/// # use dma_buf::{FenceContext, FenceContextOps};
/// # struct Ring;
/// # #[vtable]
/// # impl FenceContextOps for Ring {
/// #     type FenceData = ();
/// # }
/// # let ring = FenceContext::new(c"mygpu", c"ring 0", Ring)?;
///
/// let job = ring.new_fence(ring.new_fence_allocation(())?);
/// let fence = job.fence();
///
/// // The job failed. The handle is gone then: nobody signals twice.
/// job.signal(Err(EIO));
/// assert_eq!(fence.status(), Status::Error(EIO));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `inner` is published in a context of type `T`, and this owns a reference, and
/// the right to report the handle's end.
#[must_use = "a fence that is dropped unsignalled is cancelled, which is a driver bug"]
pub struct DriverFence<T: FenceContextOps> {
    inner: NonNull<FenceData<T::FenceData>>,
    _data: PhantomData<T>,
}

// SAFETY: The data is `Send` and `Sync`; the rest may be used anywhere.
unsafe impl<T: FenceContextOps> Send for DriverFence<T> {}
// SAFETY: As above.
unsafe impl<T: FenceContextOps> Sync for DriverFence<T> {}

// A handle is a pointer; what it points to stays where it is.
impl<T: FenceContextOps> Unpin for DriverFence<T> {}

impl<T: FenceContextOps> DriverFence<T> {
    /// Drops a fence's data; `None` if it needs no dropping.
    pub(crate) const DROP_DATA: rcu_callback_t = if needs_drop::<T::FenceData>() {
        Some(header::drop_data::<T::FenceData>)
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

    /// The shared side, borrowed.
    ///
    /// Any context.
    #[inline]
    pub fn as_fence(&self) -> &Fence {
        // SAFETY: The fence starts the header, which starts the data, and the
        // handle has a reference.
        unsafe { Fence::from_raw(self.inner.as_ptr().cast()) }
    }

    /// A reference to the shared side, to give away.
    ///
    /// Any context.
    ///
    /// C function: `dma_fence_get()`
    #[inline]
    pub fn fence(&self) -> ARef<Fence> {
        self.as_fence().into()
    }

    /// [`Self::fence`], which is a leaf.
    ///
    /// Any context.
    #[inline]
    pub fn leaf(&self) -> ARef<Leaf> {
        // SAFETY: Its operations are this crate's.
        unsafe { Leaf::from_fence_unchecked(self.fence()) }
    }

    /// The driver's data.
    ///
    /// Any context.
    #[inline]
    pub fn data(&self) -> &T::FenceData {
        // SAFETY: The data lives until the handle has gone, at least.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    /// The fence's sequence number.
    ///
    /// Any context.
    #[inline]
    pub fn seqno(&self) -> u64 {
        self.as_fence().seqno()
    }

    /// Completes the fence: it signals, with this result, as soon as all before
    /// it in its context have.
    ///
    /// Says whether that was the first completion; the context, or one of its
    /// operations, may have come before, and the result is then theirs.
    ///
    /// Any context. Callbacks registered on the fence run before this returns if
    /// it signals now. What is done and has waited for it signals with it, but no more
    /// than 256 fences: the others, and what is published behind them, soon after, from
    /// an irq_work.
    ///
    /// C functions: `dma_fence_signal()`, `dma_fence_set_error()`
    #[inline]
    pub fn signal(self, result: Result) -> bool {
        self.complete(errno(result), 0)
    }

    /// [`Self::signal`] at a time of the driver's, say one that hardware stamped.
    ///
    /// Any context, as there.
    ///
    /// C function: `dma_fence_signal_timestamp()`
    #[inline]
    pub fn signal_timestamp(self, result: Result, timestamp: Instant<Monotonic>) -> bool {
        // 0 stands for none.
        self.complete(errno(result), timestamp.as_nanos().max(1))
    }

    /// Leaves the fence to its context, which completes it: by
    /// [`FenceContext::signal_up_to`] and its like, or when it goes.
    ///
    /// Any context.
    ///
    /// [`FenceContext::signal_up_to`]: crate::FenceContext::signal_up_to
    pub fn leave(self) -> ARef<Fence> {
        let fence = self.fence();
        let this = ManuallyDrop::new(self);

        // SAFETY: By the type invariant; the handle ends here.
        unsafe { Header::release(this.inner.cast(), Self::DROP_DATA) };
        fence
    }

    #[inline]
    fn complete(self, error: i32, timestamp: i64) -> bool {
        let this = ManuallyDrop::new(self);

        // SAFETY: By the type invariant; the handle ends here.
        unsafe { Timeline::finish(this.inner.cast(), error, timestamp, Self::DROP_DATA) }
    }
}

impl<T: FenceContextOps> Drop for DriverFence<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the handle ends here.
        unsafe { Timeline::cancel_dropped(self.inner.cast(), Self::DROP_DATA) };
    }
}

/// A [`DriverFence`] borrowed from where it lives as a pointer.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, types::ForeignOwnable};
/// # use dma_buf::{FenceContext, FenceContextOps};
/// # struct Ring;
/// # #[vtable]
/// # impl FenceContextOps for Ring {
/// #     type FenceData = u32;
/// # }
/// # let ring = FenceContext::new(c"mygpu", c"ring 0", Ring)?;
///
/// let job = ring.new_fence(ring.new_fence_allocation(7)?);
///
/// // As an XArray keeps it:
/// let pointer = job.into_foreign();
/// // SAFETY: It is from `into_foreign`, and is taken back only below.
/// let borrowed = unsafe { <dma_buf::DriverFence<Ring>>::borrow(pointer) };
/// assert_eq!(*borrowed.data(), 7);
/// // SAFETY: As above, and nothing is borrowed any more.
/// unsafe { <dma_buf::DriverFence<Ring>>::from_foreign(pointer) }.signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
pub struct DriverFenceBorrow<'a, T: FenceContextOps> {
    fence: ManuallyDrop<DriverFence<T>>,
    _borrow: PhantomData<&'a DriverFence<T>>,
}

impl<T: FenceContextOps> Deref for DriverFenceBorrow<'_, T> {
    type Target = DriverFence<T>;

    fn deref(&self) -> &DriverFence<T> {
        &self.fence
    }
}

// SAFETY: The pointer is not null, and aligned as what it points to is.
unsafe impl<T: FenceContextOps> ForeignOwnable for DriverFence<T> {
    const FOREIGN_ALIGN: usize = align_of::<FenceData<T::FenceData>>();

    type Borrowed<'a> = DriverFenceBorrow<'a, T>;
    type BorrowedMut<'a> = DriverFenceBorrow<'a, T>;

    fn into_foreign(self) -> *mut c_void {
        ManuallyDrop::new(self).inner.as_ptr().cast()
    }

    unsafe fn from_foreign(ptr: *mut c_void) -> Self {
        // SAFETY: By the trait's contract it came from `into_foreign`.
        unsafe { Self::from_inner(NonNull::new_unchecked(ptr.cast())) }
    }

    unsafe fn borrow<'a>(ptr: *mut c_void) -> DriverFenceBorrow<'a, T> {
        DriverFenceBorrow {
            // SAFETY: By the trait's contract it came from `into_foreign`, and is
            // not taken back for `'a`; the borrow does not drop it.
            fence: ManuallyDrop::new(unsafe { Self::from_foreign(ptr) }),
            _borrow: PhantomData,
        }
    }

    unsafe fn borrow_mut<'a>(ptr: *mut c_void) -> DriverFenceBorrow<'a, T> {
        // SAFETY: By the trait's contract.
        unsafe { Self::borrow(ptr) }
    }
}
