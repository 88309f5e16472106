// SPDX-License-Identifier: GPL-2.0

//! Waiting for a fence leaf by leaf.

use super::{
    Wait,
    WaitError,
    FOREVER, //
};
use crate::{
    bindings,
    fence::Fence, //
};
use kernel::{
    ffi::c_long,
    time::Jiffies, //
};

impl Wait {
    /// Waits for each leaf of a fence to signal. On success, says how many jiffies
    /// were left.
    ///
    /// For what may be nested deeper than the kernel allows, by a driver that
    /// ignores its warning: waiting for that as a whole recurses in the kernel, and
    /// has it take locks of one class inside each other.
    ///
    /// The time is that of all leaves together: when it is over, those that are left
    /// are only looked at.
    ///
    /// Process context, may sleep. If a driver gives up, the others are waited for all
    /// the same, and then it fails with [`WaitError::Driver`]. Fails as
    /// [`Leaves::next`] does, too, with [`WaitError::Invalid`], perhaps after it has
    /// waited.
    ///
    /// [`Leaves::next`]: crate::Leaves::next
    pub fn on_leaves(mut self, fence: &Fence) -> Result<Jiffies, WaitError> {
        let (timeout, start) = (self.timeout, now());
        let mut leaves = fence.leaves();
        let mut failed = None;

        while let Some(leaf) = leaves.next().map_err(WaitError::Invalid)? {
            match self.on(leaf) {
                Ok(_) => {}
                Err(WaitError::Driver(error)) => failed = failed.or(Some(error)),
                Err(error) => return Err(error),
            }
            // By the clock: a driver that waits in its own way need not say what is
            // left, and one that gives up does not.
            if timeout != FOREVER {
                let elapsed = now().wrapping_sub(start);

                self.timeout = (timeout as Jiffies).saturating_sub(elapsed) as c_long;
            }
        }
        match failed {
            // As for one fence, it is not 0, which stands for failure in C.
            None => Ok(self.timeout.max(1) as Jiffies),
            Some(error) => Err(WaitError::Driver(error)),
        }
    }
}

/// The jiffies of now, which wrap round.
#[inline]
fn now() -> Jiffies {
    // SAFETY: It is always there, and changes at any time, by whole stores.
    unsafe { (&raw const bindings::jiffies).read_volatile() }
}
