// SPDX-License-Identifier: GPL-2.0

//! Context numbers taken in advance.

use super::{
    FenceContext,
    FenceContextOps, //
};
use crate::{
    bindings,
    fence::Fence,
    header::FenceData,
    options::ContextOptions,
    timeline::TimelineOps, //
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
/// let numbers = ContextNumbers::<Ring>::new(2);
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
    count: u32,
    used: Atomic<u64>,
    _contexts: PhantomData<fn() -> T>,
}

impl<T: FenceContextOps> ContextNumbers<T> {
    /// Takes `count` numbers that no other context has. They are not given back: there are
    /// 2^64.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_context_alloc()`
    pub fn new(count: u32) -> Self {
        // INVARIANT: The numbers are new, and only `context` uses them.
        Self {
            // SAFETY: Any context. Of no numbers, none is used.
            first: unsafe { bindings::dma_fence_context_alloc(count.max(1)) },
            count,
            used: Atomic::new(0),
            _contexts: PhantomData,
        }
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

        if index >= self.count.into() {
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
            .is_some_and(|index| index < self.count.into())
    }

    /// The driver's data of a fence of these contexts, pending or signalled; `None` for any
    /// other fence.
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
