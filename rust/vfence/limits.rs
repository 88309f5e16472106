// SPDX-License-Identifier: GPL-2.0

//! How much may be pending.

use crate::{
    device::Device,
    timeline::Timeline, //
};
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

/// A sum with a limit.
pub(crate) struct Limit {
    count: Atomic<i64>,
    max: u32,
}

impl Limit {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            count: Atomic::new(0),
            max,
        }
    }

    pub(crate) fn max(&self) -> u32 {
        self.max
    }

    pub(crate) fn get(&self) -> i64 {
        self.count.load(Relaxed)
    }

    /// Adds to the sum. Fails with `ENOSPC` if it would be above the limit.
    pub(crate) fn add(&self, count: usize) -> Result {
        let count = count as i64;

        if self.count.fetch_add(count, Relaxed) + count > i64::from(self.max) {
            self.count.add(-count, Relaxed);
            return Err(ENOSPC);
        }
        Ok(())
    }

    pub(crate) fn sub(&self, count: usize) {
        self.count.add(-(count as i64), Relaxed);
    }
}

/// What a job counts for on its timeline: its fence, until that has signalled, and the
/// in-fences that it waits for, each of which takes about as much memory.
pub(crate) struct Charge {
    timeline: Arc<Timeline>,
    count: usize,
}

impl Charge {
    pub(crate) fn new(timeline: &Arc<Timeline>, count: usize) -> Result<Self> {
        timeline.charge(count)?;
        Ok(Self {
            timeline: timeline.clone(),
            count,
        })
    }

    /// Counts for less from now on.
    pub(crate) fn reduce_to(&mut self, count: usize) {
        self.timeline.uncharge(self.count - count);
        self.count = count;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.timeline.uncharge(self.count);
    }
}

/// Counts a context that may have pending fences.
pub(crate) struct ContextCharge(Arc<Device>);

impl ContextCharge {
    pub(crate) fn new(device: &Arc<Device>) -> Result<Self> {
        device.contexts.add(1)?;
        Ok(Self(device.clone()))
    }
}

impl Drop for ContextCharge {
    fn drop(&mut self) {
        self.0.contexts.sub(1);
    }
}
