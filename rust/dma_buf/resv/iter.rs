// SPDX-License-Identifier: GPL-2.0

//! The fences of a reservation object: iterating over them, asking and waiting for them.

use super::{
    LockedResv,
    Resv,
    ResvUsage, //
};
use crate::{
    bindings,
    fence::{
        acquire_signaled,
        owned_or_null,
        put,
        to_delta,
        Fence,
        FenceWait,
        WaitError, //
    },
    unwrap::{
        unwrap_merge,
        UnwrappedFence, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::replace,
    ptr::{
        null_mut,
        without_provenance_mut, //
    }, //
};
use kernel::{
    alloc::flags::__GFP_NOWARN,
    prelude::*,
    sync::{
        aref::ARef,
        rcu, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// An iterator over the fences of a locked object, and their usages.
///
/// From [`LockedResv::fences`]. A foreign driver may have added containers, though none should.
///
/// C functions: `dma_resv_iter_first()`, `dma_resv_iter_next()`
///
/// # Invariants
///
/// For `'a`, the current task holds the lock of the cursor's object, and its list does not change.
pub struct ResvIter<'a> {
    cursor: bindings::dma_resv_iter,
    _lock: PhantomData<&'a LockedResv>,
}

impl<'a> ResvIter<'a> {
    #[inline]
    pub(super) fn new(resv: &'a LockedResv, usage: ResvUsage) -> Self {
        // INVARIANT: The object is locked as long as it is borrowed, and as it is not borrowed
        // mutably, its list does not change.
        Self {
            cursor: bindings::dma_resv_iter {
                obj: resv.as_raw(),
                usage: usage.as_raw(),
                // SAFETY: The lock is held, so the pointer does not change.
                fences: unsafe { (*resv.as_raw()).fences },
                ..Default::default()
            },
            _lock: PhantomData,
        }
    }
}

impl<'a> Iterator for ResvIter<'a> {
    type Item = (&'a Fence, ResvUsage);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: By the type invariant.
        let fence = unsafe { bindings::dma_resv_iter_next(&mut self.cursor) };

        if fence.is_null() {
            return None;
        }
        // SAFETY: The list owns a reference to the fence, and does not change for `'a`.
        let fence = unsafe { Fence::from_raw(fence) };
        Some((fence, ResvUsage::from_raw(self.cursor.fence_usage)))
    }
}

/// A walk over the pending fences of an object, without its lock.
///
/// From [`Resv::fences_unlocked`], with RCU read-locked. Code that has to sleep takes references
/// first, by [`Resv::get_fences`]. The walk restarts when the list changes, and may then return
/// fences that it has returned before: see [`Self::is_restarted`].
///
/// # Invariants
///
/// The cursor's object is valid for `'a`. The cursor owns a reference to its fence, if it has one.
pub struct ResvIterUnlocked<'a> {
    cursor: bindings::dma_resv_iter,
    _resv: PhantomData<&'a Resv>,
    /// The kernel notices another list by its address, so the memory of the old one must not be
    /// reused.
    _rcu: PhantomData<&'a rcu::Guard>,
}

/// Context: any, unless a function says otherwise.
impl ResvIterUnlocked<'_> {
    /// Returns the next fence. The walk keeps it until the next call.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C functions: `dma_resv_iter_first_unlocked()`, `dma_resv_iter_next_unlocked()`
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator's items do not borrow from it"
    )]
    #[inline]
    pub fn next(&mut self) -> Option<&Fence> {
        // SAFETY: By the type invariant. RCU has been locked since before the first call.
        let fence = unsafe { bindings::dma_resv_iter_next_unlocked(&mut self.cursor) };

        // dma_resv_copy_fences() of an object without fences takes the list away. From then on the
        // kernel returns the last fence again and again.
        if self.cursor.fences.is_null() {
            self.put();
        } else if !fence.is_null() {
            // SAFETY: By the type invariant the cursor owns a reference to it.
            return Some(unsafe { Fence::from_raw(fence) });
        }
        acquire_signaled();
        None
    }

    /// Returns the usage of the fence that [`Self::next`] has returned last.
    ///
    /// C function: `dma_resv_iter_usage()`
    #[inline]
    pub fn usage(&self) -> ResvUsage {
        ResvUsage::from_raw(self.cursor.fence_usage)
    }

    /// Returns `true` if the last call of [`Self::next`] has started the walk, or restarted it.
    /// Anything counted or collected up to then is void, also if that call has returned `None`.
    ///
    /// C function: `dma_resv_iter_is_restarted()`
    #[inline]
    pub fn is_restarted(&self) -> bool {
        self.cursor.is_restarted
    }

    /// Like [`Self::next`], but returns the walk's reference.
    #[inline]
    fn next_owned(&mut self) -> Option<ARef<Fence>> {
        self.next()?;
        // SAFETY: By the type invariant the cursor owns the reference, or has no fence.
        unsafe { owned_or_null(replace(&mut self.cursor.fence, null_mut())) }
    }

    /// Drops the cursor's reference.
    #[inline]
    fn put(&mut self) {
        let fence = replace(&mut self.cursor.fence, null_mut());

        if !fence.is_null() {
            // SAFETY: By the type invariant the cursor owns the reference.
            unsafe { put(fence) };
        }
    }
}

impl Drop for ResvIterUnlocked<'_> {
    /// C function: `dma_resv_iter_end()`
    #[inline]
    fn drop(&mut self) {
        self.put();
    }
}

/// The operations that need no lock.
///
/// In 7.3, `dma_resv_get_fences()`, `_get_singleton()`, `_wait_timeout()` and `_set_deadline()`
/// loop for ever or write beyond their array if the list is taken away meanwhile, and read a freed
/// list if its memory is reused. So these are written with [`ResvIterUnlocked`] here.
impl Resv {
    /// Returns `true` if all fences of `usage` and stronger usages have signalled.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_resv_test_signaled()`
    #[inline]
    pub fn test_signaled(&self, usage: ResvUsage) -> bool {
        // SAFETY: By the type invariant.
        let is_signaled =
            unsafe { bindings::dma_resv_test_signaled(self.as_raw(), usage.as_raw()) };

        if is_signaled {
            acquire_signaled();
        }
        is_signaled
    }

    /// Walks over the pending fences of `usage` and stronger usages.
    ///
    /// Context: any.
    ///
    /// C functions: `dma_resv_iter_begin()`, `dma_resv_for_each_fence_unlocked()`
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::resv::{Resv, ResvUsage};
    /// use kernel::sync::rcu;
    ///
    /// fn newest(resv: &Resv, context: u64) -> u64 {
    ///     let rcu = rcu::read_lock();
    ///     let mut fences = resv.fences_unlocked(ResvUsage::Bookkeep, &rcu);
    ///     let mut newest = 0;
    ///
    ///     // If the walk restarts, it returns the same fences again, or later ones.
    ///     while let Some(fence) = fences.next() {
    ///         if fence.context() == context {
    ///             newest = newest.max(fence.seqno());
    ///         }
    ///     }
    ///     newest
    /// }
    /// # use kernel::{prelude::*, sync::Arc};
    /// # assert_eq!(newest(&*Arc::pin_init(Resv::new(), GFP_KERNEL)?, 1), 0);
    /// # Ok::<(), Error>(())
    /// ```
    #[inline]
    pub fn fences_unlocked<'a>(
        &'a self,
        usage: ResvUsage,
        _rcu: &'a rcu::Guard,
    ) -> ResvIterUnlocked<'a> {
        // INVARIANT: The object is borrowed, and the cursor has no fence.
        ResvIterUnlocked {
            cursor: bindings::dma_resv_iter {
                obj: self.as_raw(),
                usage: usage.as_raw(),
                // The address of no list, so the first call starts with the object's list.
                fences: without_provenance_mut(usize::MAX),
                ..Default::default()
            },
            _resv: PhantomData,
            _rcu: PhantomData,
        }
    }

    /// Returns references to the pending fences of `usage` and stronger usages, each once for every
    /// usage that it was added with. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep. No fence lock held.
    ///
    /// C function: `dma_resv_get_fences()`
    pub fn get_fences(&self, usage: ResvUsage) -> Result<KVec<ARef<Fence>>> {
        self.snapshot(usage, |fence, _| fence)
    }

    /// Returns the results of `f` for the pending fences of `usage` and stronger usages.
    pub(super) fn snapshot<T>(
        &self,
        usage: ResvUsage,
        f: impl Fn(ARef<Fence>, ResvUsage) -> T,
    ) -> Result<KVec<T>> {
        let mut found = KVec::new();

        loop {
            let rcu = rcu::read_lock();
            let mut walk = self.fences_unlocked(usage, &rcu);

            loop {
                let fence = walk.next_owned();

                if walk.is_restarted() {
                    found.clear();
                }
                let Some(fence) = fence else {
                    return Ok(found);
                };
                if found.push_within_capacity(f(fence, walk.usage())).is_err() {
                    break;
                }
            }
            // Signalled fences, and those of other usages, are counted as well.
            let count = walk.cursor.num_fences as usize;
            // Allocating may sleep.
            drop(walk);
            drop(rcu);
            found.clear();
            found.reserve(count, GFP_KERNEL | __GFP_NOWARN)?;
        }
    }

    /// Merges the pending fences of `usage` and stronger usages into one. Returns `None` if no
    /// fence is pending. Fails as [`unwrap_merge`] does.
    ///
    /// Context: process; may sleep. No fence lock held.
    ///
    /// C function: `dma_resv_get_singleton()`
    pub fn get_singleton(&self, usage: ResvUsage) -> Result<Option<UnwrappedFence>> {
        let fences = self.get_fences(usage)?;

        if fences.is_empty() {
            return Ok(None);
        }
        unwrap_merge(fences.iter().map(|fence| &**fence)).map(Some)
    }

    /// Waits until all fences of `usage` and stronger usages have signalled. Not interruptible.
    ///
    /// [`FenceWait::wait_resv`] has more options.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_resv_wait_timeout()`
    pub fn wait(&self, usage: ResvUsage) -> Result<(), WaitError> {
        FenceWait::new().wait_resv(self, usage).map(|_| ())
    }

    /// Sets a deadline on the pending fences of `usage` and stronger usages. Their drivers may
    /// ignore it.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_resv_set_deadline()`
    pub fn set_deadline(&self, usage: ResvUsage, deadline: Instant<Monotonic>) {
        let rcu = rcu::read_lock();
        let mut walk = self.fences_unlocked(usage, &rcu);

        while let Some(fence) = walk.next() {
            fence.set_deadline(deadline);
        }
    }
}

impl FenceWait {
    /// Waits until all fences of `usage` and stronger usages have signalled. Returns how much
    /// of the timeout was left, as [`Self::wait`] does.
    ///
    /// The lock may be held, but need not be. Fences that are added meanwhile are waited for, too.
    /// Fails with [`WaitError::Driver`] if the driver of a fence gives up on it. The error is `EIO`
    /// if the driver's own way of waiting ends before the fence has signalled without saying so.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_resv_wait_timeout()`
    #[inline]
    pub fn wait_resv(mut self, resv: &Resv, usage: ResvUsage) -> Result<Delta, WaitError> {
        let mut remaining = self.jiffies().max(1);

        self.annotate_all();
        loop {
            let rcu = rcu::read_lock();
            let mut walk = resv.fences_unlocked(usage, &rcu);
            let Some(fence) = walk.next_owned() else {
                return Ok(to_delta(remaining));
            };

            // Waiting sleeps, so each fence takes a walk of its own.
            drop(walk);
            drop(rcu);
            remaining = self.wait_annotated(&fence)?;
            // The next walk would return the same fence.
            if !fence.is_signaled() {
                return Err(WaitError::Driver(EIO));
            }
            self = self.with_remaining(remaining);
        }
    }
}
