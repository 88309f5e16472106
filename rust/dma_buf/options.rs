// SPDX-License-Identifier: GPL-2.0

//! What a fence context can be given beyond its names.

use crate::lockdep::{
    Domain,
    LockClass, //
};
use kernel::{
    prelude::*,
    time::Delta, //
};

/// The highest number that may be chosen where others are given out after it: they do not
/// come to their end.
pub(crate) const MAX_CHOSEN_SEQNO: u64 = i64::MAX as u64;

/// Options of a [`FenceContext`](crate::FenceContext).
///
/// # Examples
///
/// ```
/// use dma_buf::{ContextOptions, Domain, LockClass};
/// use kernel::{prelude::*, time::Delta};
///
/// let options = ContextOptions::new()
///     .domain(Domain::new(c"mygpu")?)
///     .lock_class(LockClass::new(c"mygpu fence")?)
///     .bound(Delta::from_secs(10))?;
/// # let _ = options;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct ContextOptions {
    pub(crate) domain: Option<Domain>,
    pub(crate) lock_class: Option<LockClass>,
    pub(crate) bound: Option<Delta>,
    /// Not zero.
    pub(crate) first_seqno: u64,
    pub(crate) points: bool,
}

impl Default for ContextOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ContextOptions {
    /// None of the options.
    pub const fn new() -> Self {
        Self {
            domain: None,
            lock_class: None,
            bound: None,
            first_seqno: 1,
            points: false,
        }
    }

    /// The sequence number of the first fence that the context numbers by itself, 1 without
    /// this option. Lower numbers have passed.
    ///
    /// Fails with `EINVAL` if it is 0, or above 2^63 - 1.
    pub fn first_seqno(mut self, seqno: u64) -> Result<Self> {
        if seqno == 0 || seqno > MAX_CHOSEN_SEQNO {
            return Err(EINVAL);
        }
        self.first_seqno = seqno;
        Ok(self)
    }

    /// The context's user picks the sequence numbers, in any order and more than once, as
    /// with sw_sync: see [`FenceContext::new_fence_at`](crate::FenceContext::new_fence_at).
    pub const fn points(mut self) -> Self {
        self.points = true;
        self
    }

    /// The context's fences signal in sections of this domain.
    pub const fn domain(mut self, domain: Domain) -> Self {
        self.domain = Some(domain);
        self
    }

    /// The locks of the context's fences are of this class.
    pub const fn lock_class(mut self, class: LockClass) -> Self {
        self.lock_class = Some(class);
        self
    }

    /// No fence is pending for longer than `bound` from its publication: it, and
    /// all before it, are then completed with `ETIME`, from the interrupt of a
    /// timer (a softirq with `PREEMPT_RT`).
    ///
    /// What comes after is left alone: it has its own time. A driver that resets
    /// its hardware does so long before. With thousands of pending fences it may come
    /// some ms late: 256 are looked at, and completed, in a run of the timer.
    ///
    /// Fails with `EINVAL` if `bound` is not positive.
    pub fn bound(mut self, bound: Delta) -> Result<Self> {
        if bound.is_zero() || bound.is_negative() {
            return Err(EINVAL);
        }
        self.bound = Some(bound);
        Ok(self)
    }
}
