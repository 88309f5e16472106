// SPDX-License-Identifier: GPL-2.0

//! Walking over the fences of a reservation object.

use super::{
    Resv,
    Usage, //
};
use crate::{
    bindings,
    fence::{
        put,
        Fence, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::replace,
    ptr::null_mut, //
};
use kernel::{
    sync::rcu,
    types::NotThreadSafe, //
};

/// A cursor at the beginning of a list.
#[inline]
fn begin(resv: &Resv, usage: Usage, list: *mut bindings::dma_resv_list) -> bindings::dma_resv_iter {
    bindings::dma_resv_iter {
        obj: resv.as_raw(),
        usage: usage.as_raw(),
        fences: list,
        ..Default::default()
    }
}

/// The fences of a locked object, and their usages.
///
/// From [`ResvLocked::fences`](super::ResvLocked::fences). Signalled ones may be among
/// them, and containers that a foreign driver has put there, though none should.
///
/// C functions: `dma_resv_iter_first()`, `dma_resv_iter_next()`
///
/// # Invariants
///
/// The cursor is for an object that is locked by the current task for `'a`, and whose
/// list does not change for as long.
pub struct Fences<'a> {
    cursor: bindings::dma_resv_iter,
    _lock: PhantomData<&'a Resv>,
    _not_send: NotThreadSafe,
}

impl<'a> Fences<'a> {
    /// # Safety
    ///
    /// The type's invariants hold.
    #[inline]
    pub(super) unsafe fn new(resv: &'a Resv, usage: Usage) -> Self {
        // SAFETY: The lock is held, so nobody changes the pointer.
        let list = unsafe { (*resv.as_raw()).fences };

        // INVARIANT: By the function's contract.
        Self {
            cursor: begin(resv, usage, list),
            _lock: PhantomData,
            _not_send: NotThreadSafe,
        }
    }
}

impl<'a> Iterator for Fences<'a> {
    type Item = (&'a Fence, Usage);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: By the type invariant.
        let fence = unsafe { bindings::dma_resv_iter_next(&mut self.cursor) };

        if fence.is_null() {
            return None;
        }
        // SAFETY: The list has a reference to it, and does not change for `'a`.
        let fence = unsafe { Fence::from_raw(fence) };
        Some((fence, Usage::from_raw(self.cursor.fence_usage)))
    }
}

/// A list that no object has, so that a walk starts with the one that it has. As it is
/// only compared with that, the walk need not be told whether it has begun.
const NO_LIST: *mut bindings::dma_resv_list = core::ptr::without_provenance_mut(usize::MAX);

/// A walk over the fences of an object that are pending, without its lock.
///
/// The kernel knows by the list's address whether the list is another one than before.
/// That is only true while the old one's memory cannot be used for a new one, so for an
/// RCU read-side section.
///
/// # Invariants
///
/// The cursor is for an object that is valid for `'a`; it has no fence, or a reference
/// to its fence.
pub(super) struct Walk<'a> {
    cursor: bindings::dma_resv_iter,
    _resv: PhantomData<&'a Resv>,
}

impl<'a> Walk<'a> {
    #[inline]
    pub(super) fn new(resv: &'a Resv, usage: Usage) -> Self {
        // INVARIANT: The object is borrowed, and there is no fence yet.
        Self {
            cursor: begin(resv, usage, NO_LIST),
            _resv: PhantomData,
        }
    }

    /// The next fence, which is kept until the following call.
    ///
    /// # Safety
    ///
    /// Since the last call, if there was one after [`Self::restart`], the current task
    /// has been in the same RCU read-side section.
    #[inline]
    pub(super) unsafe fn next(&mut self) -> Option<&Fence> {
        // SAFETY: By the type invariant and the function's contract.
        let fence = unsafe { bindings::dma_resv_iter_next_unlocked(&mut self.cursor) };

        // When the list has gone, as it does if a foreign driver copies fences of an object
        // without any, the core gives the fence before once more, over and over.
        if self.cursor.fences.is_null() {
            self.release();
            return None;
        }
        if fence.is_null() {
            return None;
        }
        // SAFETY: By the type invariant there is a reference to it.
        Some(unsafe { Fence::from_raw(fence) })
    }

    /// Has the walk start again.
    #[inline]
    pub(super) fn restart(&mut self) {
        self.cursor.fences = NO_LIST;
    }

    /// Drops the fence that the cursor has.
    #[inline]
    fn release(&mut self) {
        let fence = replace(&mut self.cursor.fence, null_mut());

        if !fence.is_null() {
            // SAFETY: By the type invariant the reference is ours.
            unsafe { put(fence) };
        }
    }
}

impl Drop for Walk<'_> {
    /// C function: `dma_resv_iter_end()`
    #[inline]
    fn drop(&mut self) {
        self.release();
    }
}

/// A walk over the fences of an object that are pending, without its lock.
///
/// When the list changes meanwhile, the walk starts again, and may give fences that it
/// has given before: see [`Self::is_restarted`]. [`Resv::get_fences`] takes care of that.
///
/// RCU is read-locked as long as there is the walk: nothing may sleep meanwhile. Whoever
/// has to takes references, by [`Resv::get_fences`].
///
/// # Examples
///
/// ```
/// use dma_buf::{Resv, Usage};
///
/// fn pending(resv: &Resv) -> usize {
///     let mut fences = resv.fences_unlocked(Usage::Bookkeep);
///     let mut pending = 0;
///
///     loop {
///         let is_there = fences.next().is_some();
///
///         if fences.is_restarted() {
///             pending = 0;
///         }
///         if !is_there {
///             return pending;
///         }
///         pending += 1;
///     }
/// }
/// # use kernel::{prelude::*, sync::Arc};
/// # assert_eq!(pending(&*Arc::pin_init(Resv::new(), GFP_KERNEL)?), 0);
/// # Ok::<(), Error>(())
/// ```
pub struct FencesUnlocked<'a> {
    walk: Walk<'a>,
    _rcu: rcu::Guard,
}

impl Resv {
    /// Walks over those fences of this usage, or one before it, that are pending.
    ///
    /// Context: any.
    ///
    /// C function: `dma_resv_iter_begin()`
    #[inline]
    pub fn fences_unlocked(&self, usage: Usage) -> FencesUnlocked<'_> {
        FencesUnlocked {
            walk: Walk::new(self, usage),
            _rcu: rcu::read_lock(),
        }
    }
}

impl FencesUnlocked<'_> {
    /// The next fence. It is kept until the following call.
    ///
    /// Asks drivers as [`Fence::is_signaled`] does. Context: any, but never with a
    /// fence's lock held.
    ///
    /// C functions: `dma_resv_iter_first_unlocked()`, `dma_resv_iter_next_unlocked()`,
    /// `dma_resv_for_each_fence_unlocked()`
    #[expect(
        clippy::should_implement_trait,
        reason = "what it returns is kept by it"
    )]
    #[inline]
    pub fn next(&mut self) -> Option<&Fence> {
        // SAFETY: RCU is read-locked, since before the first call.
        unsafe { self.walk.next() }
    }

    /// Has the walk start again, as it does by itself when the list changes.
    #[inline]
    pub fn restart(&mut self) {
        self.walk.restart();
    }

    /// The usage of the fence that [`Self::next`] returned last.
    ///
    /// C function: `dma_resv_iter_usage()`
    #[inline]
    pub fn usage(&self) -> Usage {
        Usage::from_raw(self.walk.cursor.fence_usage)
    }

    /// Whether what [`Self::next`] returned last is the first of a walk that has just
    /// started, or started again: what was counted up to then is void. That may also be
    /// nothing, if there is nothing any more.
    ///
    /// C function: `dma_resv_iter_is_restarted()`
    #[inline]
    pub fn is_restarted(&self) -> bool {
        self.walk.cursor.is_restarted
    }

    /// How many fences there were when the walk started, or started again: more than there
    /// will be, as signalled ones, and those of other usages, are counted, too.
    #[inline]
    pub(super) fn at_most(&self) -> usize {
        self.walk.cursor.num_fences as usize
    }
}
