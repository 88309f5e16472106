// SPDX-License-Identifier: GPL-2.0

//! The options of a context.

use crate::lockdep::{
    LockClass,
    SignallingDomain, //
};
use kernel::{
    prelude::*,
    time::Delta, //
};

/// The highest sequence number that a driver may choose, except for points. So the numbers that
/// follow it do not run out.
pub(crate) const MAX_CHOSEN_SEQNO: u64 = i64::MAX as u64;

/// Options of a [`FenceContext`](crate::FenceContext).
///
/// # Examples
///
/// ```
/// use dma_buf::{lockdep::{LockClass, SignallingDomain}, ContextOptions, FenceContext};
/// use kernel::{prelude::*, time::Delta};
///
/// let options = ContextOptions::new()
///     .domain(SignallingDomain::new(c"mygpu")?)
///     .lock_class(LockClass::new(c"mygpu fence")?)
///     .timeout(Delta::from_secs(10))?;
/// let ring = FenceContext::with_options(c"mygpu", c"ring 0", options, ())?;
///
/// ring.new_fence(ring.new_fence_allocation(())?).signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct ContextOptions {
    pub(crate) domain: Option<SignallingDomain>,
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

/// Context: any.
impl ContextOptions {
    /// Creates options, of which none is set.
    pub const fn new() -> Self {
        Self {
            domain: None,
            lock_class: None,
            timeout: None,
            first_seqno: 1,
            points: false,
        }
    }

    /// Sets the sequence number of the first fence that the context numbers by itself, which is 1
    /// without this option. Lower numbers have passed. Fails with `EINVAL` if it is 0, or above
    /// 2^63 - 1.
    pub fn first_seqno(mut self, seqno: u64) -> Result<Self> {
        if seqno == 0 || seqno > MAX_CHOSEN_SEQNO {
            return Err(EINVAL);
        }
        self.first_seqno = seqno;
        Ok(self)
    }

    /// Lets the driver choose the sequence numbers, in any order and more than once, as with
    /// sw_sync: see [`FenceContext::new_fence_at`](crate::FenceContext::new_fence_at).
    pub const fn points(mut self) -> Self {
        self.points = true;
        self
    }

    /// Declares that the context's fences signal in sections of this domain.
    pub const fn domain(mut self, domain: SignallingDomain) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Sets the lock class of the context's fences.
    pub const fn lock_class(mut self, class: LockClass) -> Self {
        self.lock_class = Some(class);
        self
    }

    /// Completes a fence with `ETIME` if it is still pending this long after it was published,
    /// and all fences before it in the context with it. Later fences have their own time.
    ///
    /// A timer does this, in its interrupt (in a softirq with `PREEMPT_RT`), for at most 256 fences
    /// in a run. With thousands of pending fences, it may be several milliseconds late. A driver
    /// that resets its hardware uses a shorter timeout of its own. Fails with `EINVAL` if `timeout`
    /// is not positive.
    pub fn timeout(mut self, timeout: Delta) -> Result<Self> {
        if timeout.is_zero() || timeout.is_negative() {
            return Err(EINVAL);
        }
        self.timeout = Some(timeout);
        Ok(self)
    }
}
