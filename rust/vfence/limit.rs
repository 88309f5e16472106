// SPDX-License-Identifier: GPL-2.0

//! A limit on how many of something there are.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// A count that stays at or below a maximum.
pub(crate) struct Limit {
    count: Atomic<i64>,
    max: u32,
}

impl Limit {
    pub(crate) const fn new(max: u32) -> Self {
        Self {
            count: Atomic::new(0),
            max,
        }
    }

    pub(crate) fn max(&self) -> u32 {
        self.max
    }
}

/// A share of a [`Limit`]. Dropping it returns the share.
pub(crate) struct Charge(Arc<Limit>, i64);

impl Charge {
    /// Takes `count` from the limit. Fails with `ENOSPC` if less is left.
    pub(crate) fn new(limit: &Arc<Limit>, count: u32) -> Result<Self> {
        let count = i64::from(count);
        let mut taken = limit.count.load(Relaxed);

        // An addition that is undone could make another task fail meanwhile.
        while taken + count <= limit.max.into() {
            match limit.count.cmpxchg(taken, taken + count, Relaxed) {
                Ok(_) => return Ok(Self(limit.clone(), count)),
                Err(now) => taken = now,
            }
        }
        Err(ENOSPC)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.0.count.add(-self.1, Relaxed);
    }
}
