// SPDX-License-Identifier: GPL-2.0

//! Context numbers taken in advance.

use super::{
    FenceContext,
    FenceContextOps, //
};
use crate::{
    bindings,
    fence::Fence,
    timeline::{
        ContextOptions,
        FenceData,
        TimelineOps, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::needs_drop, //
};
use kernel::{
    ffi::c_void,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed, //
        },
        rcu, //
    }, //
};

/// The longest range: the kernel is asked for 2^32 numbers at a time.
const MAX_COUNT: u64 = 1 << 44;

/// The highest number that a range begins with. The kernel counts in 64 bits, and does not notice
/// the end: other contexts would get the numbers of a range once more.
const MAX_FIRST: u64 = 1 << 62;

/// Allocates `count` context numbers that follow each other. Returns the first.
fn alloc(count: u64) -> Result<u64> {
    if count > MAX_COUNT {
        return Err(E2BIG);
    }
    let (mut first, mut taken) = (0, 0);

    while taken < count {
        let more = (count - taken).min(u32::MAX.into()) as u32;
        // SAFETY: Any context; the number is not 0.
        let start = unsafe { bindings::dma_fence_context_alloc(more) };

        if start > MAX_FIRST {
            return Err(ENOSPC);
        }
        // If another driver has taken a number in between, those so far are of no use.
        if start != first + taken {
            (first, taken) = (start, 0);
        }
        taken += u64::from(more);
    }
    Ok(first)
}

/// A range of context numbers for contexts of one type.
///
/// A fence loses its operations when it signals, so [`Fence::downcast`] no longer finds its
/// data. A driver that has to recognise its own fences for as long as they exist takes the
/// numbers of their contexts from a range, and asks the range.
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
/// All contexts with a number of the range are of type `T`. No driver gives one of these numbers
/// to a fence of its own but to an array or a chain: context numbers are unique, by the
/// contract of `dma_fence_context_alloc()`.
pub struct ContextNumbers<T: FenceContextOps> {
    first: u64,
    count: u64,
    used: Atomic<u64>,
    _contexts: PhantomData<fn() -> T>,
}

impl<T: FenceContextOps> ContextNumbers<T> {
    /// Allocates `count` context numbers that follow each other. They are never reused.
    ///
    /// Context: any.
    ///
    /// Fails with `E2BIG` if `count` is more than 2^44, and with `ENOSPC` once the kernel has given
    /// out 2^62 numbers.
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

    /// Makes a context with the next number of the range.
    ///
    /// Fails with `ENOSPC` if all are used, and as [`FenceContext::new`] does; then the number
    /// is used up as well.
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

    /// Returns `true` if the context number is one of the range.
    fn contains(&self, context: u64) -> bool {
        context
            .checked_sub(self.first)
            .is_some_and(|index| index < self.count)
    }

    /// Returns the driver's data of a fence of these contexts, pending or signalled; `None` for
    /// any other fence.
    ///
    /// Only for data that needs no dropping, which stays until the fence is freed.
    ///
    /// Context: any, also a callback.
    pub fn data<'a>(&self, fence: &'a Fence) -> Option<&'a T::FenceData> {
        const {
            assert!(
                !needs_drop::<T::FenceData>(),
                "the data would have been dropped"
            )
        };

        if !self.contains(fence.context()) {
            return None;
        }
        // An array may have been given the number of a fence that is in it. It keeps its
        // operations when it signals, as these have a `release`. Fences of this crate have
        // operations of this crate, and none once they have signalled.
        let rcu = rcu::read_lock();
        // SAFETY: The fence is valid. What its operations point to stays while RCU is
        // read-locked, as for the core.
        let is_ours = unsafe {
            Atomic::from_ptr((&raw mut (*fence.as_raw()).ops).cast::<*mut c_void>())
                .load(Acquire)
                .cast::<bindings::dma_fence_ops>()
                .as_ref()
                .is_none_or(|ops| TimelineOps::of_fence(ops).is_some())
        };
        drop(rcu);

        // SAFETY: It is no array or chain, so by the type invariant the fence is of a context
        // of type `T`, and its memory starts with a `FenceData` of that type. The data
        // was written before the fence was published, needs no dropping, and is not changed
        // but through shared references.
        is_ours.then(|| unsafe { &*(*fence.as_raw().cast::<FenceData<T::FenceData>>()).data })
    }
}
