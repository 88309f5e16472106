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
///     .timeout(Delta::from_secs(10))?;
/// # let _ = options;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct ContextOptions {
    pub(crate) domain: Option<Domain>,
    pub(crate) lock_class: Option<LockClass>,
    pub(crate) timeout: Option<Delta>,
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
            timeout: None,
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

    /// Completes a fence with `ETIME` if it is still pending this long after it was published,
    /// and all fences before it in the context with it. Later fences have their own time.
    ///
    /// A timer does this, in its interrupt (in a softirq with `PREEMPT_RT`), for at most 256
    /// fences in a run: with thousands of pending fences it may come some ms late. A driver that
    /// resets its hardware uses a shorter timeout of its own.
    ///
    /// Fails with `EINVAL` if `timeout` is not positive.
    pub fn timeout(mut self, timeout: Delta) -> Result<Self> {
        if timeout.is_zero() || timeout.is_negative() {
            return Err(EINVAL);
        }
        self.timeout = Some(timeout);
        Ok(self)
    }
}
