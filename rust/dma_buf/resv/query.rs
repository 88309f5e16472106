// SPDX-License-Identifier: GPL-2.0

//! What can be asked of a reservation object without its lock.

use super::{
    iter::Walk,
    Resv,
    Usage,
    MAX_RESV_FENCES, //
};
use crate::{
    bindings,
    fence::{
        Fence,
        Leaf,
        Wait,
        WaitError, //
    },
    flat::Flat,
    merge::merge,
    slab, //
};
use kernel::{
    alloc::flags::__GFP_NOWARN,
    prelude::*,
    sync::aref::ARef,
    time::{
        Instant,
        Jiffies,
        Monotonic, //
    }, //
};

impl Resv {
    /// Whether all fences of this usage, or one before it, have signalled.
    ///
    /// Asks drivers as [`Fence::is_signaled`] does. Context: any, but never with a
    /// fence's lock held.
    ///
    /// C function: `dma_resv_test_signaled()`
    #[inline]
    pub fn test_signaled(&self, usage: Usage) -> bool {
        // SAFETY: The object is valid.
        unsafe { bindings::dma_resv_test_signaled(self.as_raw(), usage.as_raw()) }
    }

    /// References to those fences of this usage, or one before it, that are pending.
    ///
    /// That the list changes meanwhile has none of them given twice.
    ///
    /// Process context, may sleep; never with a fence's lock held. Fails with `ENOMEM`.
    ///
    /// C function: `dma_resv_get_fences()`
    pub fn get_fences(&self, usage: Usage) -> Result<KVec<ARef<Fence>>> {
        self.snapshot(usage, slab::pointers(FEW)?, |fence, _| fence)
    }

    /// What `f` makes of those fences of this usage, or one before it, that are pending,
    /// in the place of what is in `found`.
    fn snapshot<T>(
        &self,
        usage: Usage,
        mut found: KVec<T>,
        f: impl Fn(ARef<Fence>, Usage) -> T,
    ) -> Result<KVec<T>> {
        loop {
            let mut walk = self.fences_unlocked(usage);

            found.clear();
            loop {
                let fence = walk.next().map(ARef::from);

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
            // Not in the walk, as that is an RCU read-side section.
            let room = walk.at_most();
            drop(walk);
            found.clear();
            found.reserve(room, GFP_KERNEL | __GFP_NOWARN)?;
        }
    }

    /// One fence for all of this usage, or one before it, that are pending: a leaf or
    /// an array of leaves, as [`merge`] makes it. `None` if none is.
    ///
    /// Not fit for being added to a reservation object, unless by its leaves.
    ///
    /// Process context, may sleep; never with a fence's lock held. Fails as [`merge`]
    /// does.
    ///
    /// C function: `dma_resv_get_singleton()`
    pub fn get_singleton(&self, usage: Usage) -> Result<Option<Flat>> {
        let fences = self.get_fences(usage)?;

        if fences.is_empty() {
            return Ok(None);
        }
        merge(&fences).map(Some)
    }

    /// The leaves of all fences that are pending, and their usages; not more than an
    /// object holds.
    pub(super) fn pending_leaves(&self) -> Result<KVec<(ARef<Leaf>, Usage)>> {
        let fences = self.snapshot(Usage::Bookkeep, KVec::new(), |fence, usage| (fence, usage))?;
        let mut found = KVec::with_capacity(fences.len(), GFP_KERNEL | __GFP_NOWARN)?;

        for (fence, usage) in fences {
            let mut leaves = fence.leaves();

            while let Some(leaf) = leaves.next()? {
                if found.len() >= MAX_RESV_FENCES {
                    return Err(E2BIG);
                }
                found.push((leaf.into(), usage), GFP_KERNEL)?;
            }
        }
        Ok(found)
    }

    /// Waits, uninterruptibly, until all fences of this usage, or one before it, have
    /// signalled; [`Wait::on_resv`] knows other ways.
    ///
    /// Process context, may sleep.
    ///
    /// C function: `dma_resv_wait_timeout()`
    pub fn wait(&self, usage: Usage) -> Result<(), WaitError> {
        Wait::new().on_resv(self, usage).map(|_| ())
    }

    /// [`Self::wait`] for so many jiffies; says how many were left.
    ///
    /// Process context, may sleep.
    ///
    /// C function: `dma_resv_wait_timeout()`
    pub fn wait_timeout(&self, usage: Usage, timeout: Jiffies) -> Result<Jiffies, WaitError> {
        Wait::new().timeout(timeout).on_resv(self, usage)
    }

    /// Tells the drivers of all fences of this usage, or one before it, by when these
    /// would be wanted. Only a hint.
    ///
    /// Context: any, but never with a fence's lock held.
    ///
    /// C function: `dma_resv_set_deadline()`
    pub fn set_deadline(&self, usage: Usage, deadline: Instant<Monotonic>) {
        let mut walk = self.fences_unlocked(usage);

        while let Some(fence) = walk.next() {
            fence.set_deadline(deadline);
        }
    }
}

/// Room for this many fences is made first.
const FEW: usize = 8;

impl Wait {
    /// Waits until all fences of a reservation object of this usage, or one before it,
    /// have signalled. On success, says how many jiffies were left.
    ///
    /// The lock need not be held, but may be. What is added meanwhile is waited for, too.
    /// If a driver gives up on a fence, the wait ends with [`WaitError::Driver`]; with `EIO`
    /// if its own way of waiting has an end before the fence has signalled, and it does not
    /// say so. Each is waited for as a whole: see [`Self::on`].
    ///
    /// Process context, may sleep.
    ///
    /// C function: `dma_resv_wait_timeout()`
    #[inline]
    pub fn on_resv(mut self, resv: &Resv, usage: Usage) -> Result<Jiffies, WaitError> {
        let mut left = self.jiffies().max(1);

        self.annotate_all();
        let mut walk = Walk::new(resv, usage);
        // SAFETY: The walk starts again each time.
        while let Some(fence) = unsafe { walk.next() } {
            left = self.on_annotated(fence)?;
            // It would be come upon again, and again.
            if !fence.is_signaled() {
                return Err(WaitError::Driver(EIO));
            }
            self = self.left(left);
            walk.restart();
        }
        Ok(left)
    }
}
