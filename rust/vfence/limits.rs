// SPDX-License-Identifier: GPL-2.0

//! How much may be pending.
//!
//! What counts is a fence that has not signalled, and a fence that a job waits for,
//! as each takes about as much memory as the other.

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

    /// Adds, unless that is too much.
    pub(crate) fn add(&self, count: usize) -> bool {
        let count = count as i64;

        if self.count.fetch_add(count, Relaxed) + count > i64::from(self.max) {
            self.count.add(-count, Relaxed);
            return false;
        }
        true
    }

    pub(crate) fn sub(&self, count: usize) {
        self.count.add(-(count as i64), Relaxed);
    }
}

/// Counts against both limits, or fails with `ENOSPC`.
pub(crate) fn charge(timeline: &Limit, device: &Device, count: usize) -> Result {
    if !timeline.add(count) {
        return Err(ENOSPC);
    }
    if !device.fences.add(count) {
        timeline.sub(count);
        return Err(ENOSPC);
    }
    Ok(())
}

/// What a job counts for, until this goes.
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
