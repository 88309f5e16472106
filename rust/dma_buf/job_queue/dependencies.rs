// SPDX-License-Identifier: GPL-2.0

//! The fences that a job waits for.

use crate::{
    fence::{
        Fence,
        Leaf, //
    },
    resv::{
        LockedResv,
        ResvUsage, //
    },
    unwrap::{
        unwrap_merge,
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
/// // The stub has signalled, and the buffer has no fences.
/// assert!(dependencies.into_fence()?.test_signaled_flag());
/// # Ok::<(), Error>(())
/// ```
pub struct Dependencies {
    /// Those that are pending.
    leaves: KVec<ARef<Leaf>>,
    passes_errors: bool,
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
    /// Fails with `ENOMEM`, and as [`UnwrapIter::next`](crate::unwrap::UnwrapIter::next) does.
    ///
    /// Context: process; may sleep. No fence lock held.
    pub fn add(&mut self, fence: &Fence) -> Result {
        let mut leaves = fence.leaves();

        while let Some(leaf) = leaves.next()? {
            if !leaf.is_signaled() {
                self.leaves.push(leaf.into(), GFP_KERNEL)?;
            } else if self.error.is_none() {
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
    pub fn add_resv(&mut self, resv: &LockedResv, usage: ResvUsage) -> Result {
        for (fence, _) in resv.fences(usage) {
            self.add(fence)?;
        }
        Ok(())
    }

    /// Merges the fences into one.
    ///
    /// Fails as [`unwrap_merge`] does.
    ///
    /// Context: process; may sleep.
    pub fn into_fence(self) -> Result<UnwrappedFence> {
        self.merge()
    }

    fn merge(&self) -> Result<UnwrappedFence> {
        unwrap_merge(self.leaves.iter().map(|leaf| -> &Fence { leaf }))
    }

    /// Merges the fences, and keeps what is needed to know of their errors.
    pub(super) fn into_merged(self) -> Result<Merged> {
        let fence = if self.leaves.is_empty() {
            None
        } else {
            Some(self.merge()?)
        };

        Ok(if self.passes_errors {
            Merged {
                fence,
                leaves: self.leaves,
                error: self.error,
            }
        } else {
            Merged {
                fence,
                leaves: KVec::new(),
                error: None,
            }
        })
    }
}

/// The dependencies of a job in a queue.
pub(super) struct Merged {
    /// Signals when all have. `None` if there are none.
    pub(super) fence: Option<UnwrappedFence>,
    /// Those whose errors are passed on, also those that a merge leaves out.
    leaves: KVec<ARef<Leaf>>,
    /// The error of one that had signalled before.
    error: Option<Error>,
}

impl Merged {
    /// Returns `true` if all are known to have signalled.
    pub(super) fn have_signaled(&self) -> bool {
        self.fence
            .as_ref()
            .is_none_or(|fence| fence.test_signaled_flag())
    }

    /// Returns the error to be passed on, after the fence has signalled.
    pub(super) fn error(&self) -> Option<Error> {
        self.error
            .or_else(|| self.leaves.iter().find_map(|leaf| leaf.error()))
    }
}
