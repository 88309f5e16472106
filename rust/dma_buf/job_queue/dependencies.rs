// SPDX-License-Identifier: GPL-2.0

//! The fences that a job waits for.

use crate::{
    array::{
        FenceArray,
        MAX_ARRAY_FENCES, //
    },
    fence::{
        Fence,
        Leaf, //
    },
    resv::{
        LockedResv,
        ResvUsage, //
    },
    unwrap::{
        dedup_array,
        push_leaf,
        UnwrappedFence, //
    }, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// The fences that a job waits for, while they are collected.
///
/// They may be of any kind and driver. A job waits for all of them by one callback.
///
/// An earlier job of the same queue is not waited for, as in `drm_sched`: the hardware gets that
/// one first, and does its jobs in order. If errors are passed on, it is waited for, as its error
/// is not known before. Jobs that depend on each other then run one at a time, even if the hardware
/// has room for more.
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     job_queue::Dependencies,
///     resv::{Resv, ResvUsage},
///     Fence,
/// };
/// use kernel::{prelude::*, sync::Arc};
///
/// let buffer = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
/// let mut dependencies = Dependencies::new();
///
/// dependencies.add(&Fence::stub())?;
/// buffer.with_lock(|buffer| dependencies.add_resv(buffer, ResvUsage::for_access(true)))?;
/// // For `JobQueue::prepare()`.
/// # let _ = dependencies;
/// # Ok::<(), Error>(())
/// ```
pub struct Dependencies {
    /// The leaves that were pending when they were added. If errors are passed on, all of them,
    /// and otherwise perhaps only the latest of each context.
    leaves: KVec<ARef<Leaf>>,
    passes_errors: bool,
    /// The first error that is passed on, of fences that had signalled when they were added.
    error: Option<Error>,
}

impl Default for Dependencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Dependencies {
    /// Creates an empty collection. A job with these dependencies runs also if some of them fail,
    /// as jobs do in most drivers.
    ///
    /// Context: any.
    pub const fn new() -> Self {
        Self {
            leaves: KVec::new(),
            passes_errors: false,
            error: None,
        }
    }

    /// Creates an empty collection. A job with these dependencies does not run if one of them
    /// fails, and completes with that error.
    ///
    /// The errors of links that have been removed from a chain are not known: see
    /// [`unwrap`](crate::unwrap#errors-of-in-fences).
    ///
    /// Context: any.
    pub const fn passing_errors() -> Self {
        Self {
            leaves: KVec::new(),
            passes_errors: true,
            error: None,
        }
    }

    /// Adds a fence.
    ///
    /// Fails with `ENOMEM`, with `E2BIG` if there are more than 65 280 pending fences, and as
    /// [`UnwrapIter::next`](crate::unwrap::UnwrapIter::next) does. If errors are not passed on,
    /// only the latest fence of each context counts.
    ///
    /// Context: process; may sleep. No fence lock held.
    #[inline]
    pub fn add(&mut self, fence: &Fence) -> Result {
        if fence.test_signaled_flag() && !self.passes_errors {
            return Ok(());
        }
        self.add_leaves(fence)
    }

    fn add_leaves(&mut self, fence: &Fence) -> Result {
        let mut leaves = fence.leaves();

        while let Some(leaf) = leaves.next()? {
            if !leaf.is_signaled() {
                self.push(leaf.into())?;
            } else if self.passes_errors && self.error.is_none() {
                self.error = leaf.error();
            }
        }
        Ok(())
    }

    /// Adds the fences of a buffer, of `usage` and stronger usages.
    ///
    /// Fails as [`Self::add`] does.
    ///
    /// Context: process; may sleep.
    #[inline]
    pub fn add_resv(&mut self, resv: &LockedResv, usage: ResvUsage) -> Result {
        for (fence, _) in resv.fences(usage) {
            self.add(fence)?;
        }
        Ok(())
    }

    fn push(&mut self, leaf: ARef<Leaf>) -> Result {
        if self.passes_errors && self.leaves.len() >= MAX_ARRAY_FENCES {
            return Err(E2BIG);
        }
        push_leaf(&mut self.leaves, leaf)
    }

    /// Merges the fences. Omits the queue's own fences, which are of the context `own`; but if
    /// errors are passed on, it keeps all leaves, for their errors.
    pub(super) fn into_merged(self, own: u64) -> Result<MergedDependencies> {
        let mut leaves = self.leaves;

        if !self.passes_errors {
            leaves.retain(|leaf| leaf.context() != own);
        }
        if leaves.is_empty() {
            return Ok(MergedDependencies {
                fence: None,
                leaves,
                error: self.error,
            });
        }
        let mut error_leaves = KVec::new();

        if self.passes_errors {
            error_leaves.extend_from_slice(&leaves, GFP_KERNEL)?;
        }
        dedup_array(&mut leaves);
        Ok(MergedDependencies {
            fence: Some(FenceArray::create(leaves)?),
            leaves: error_leaves,
            error: self.error,
        })
    }
}

/// The dependencies of a job in a queue.
pub(super) struct MergedDependencies {
    /// Signals when all have. `None` if there are none.
    pub(super) fence: Option<UnwrappedFence>,
    /// The fences whose errors are passed on. The merge may leave some of them out.
    leaves: KVec<ARef<Leaf>>,
    /// The error of a fence that had signalled before.
    error: Option<Error>,
}

impl MergedDependencies {
    /// Returns `true` if all are known to have signalled.
    #[inline]
    pub(super) fn have_signaled(&self) -> bool {
        self.fence
            .as_ref()
            .is_none_or(|fence| fence.test_signaled_flag())
    }

    /// Returns the error to be passed on, after the fence has signalled.
    #[inline]
    pub(super) fn error(&self) -> Option<Error> {
        self.error
            .or_else(|| self.leaves.iter().find_map(|leaf| leaf.error()))
    }
}
