// SPDX-License-Identifier: GPL-2.0

//! What the device has done since it was loaded.

use kernel::{
    fmt,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// How many classes the histogram has: from below 1 us to 4 s and above.
const CLASSES: usize = 24;

/// The logarithm of the first class's bound in ns.
const FIRST: u32 = 10;

/// A number of fences or events.
pub(crate) struct Counter(Atomic<i64>);

impl Counter {
    const fn new() -> Self {
        Self(Atomic::new(0))
    }

    pub(crate) fn add(&self, count: usize) {
        self.0.add(count as i64, Relaxed);
    }

    pub(crate) fn sub(&self, count: usize) {
        self.0.add(-(count as i64), Relaxed);
    }

    fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

pub(crate) struct Stats {
    /// Jobs and points, born signalled included.
    pub(crate) submitted: Counter,
    /// Fences that have signalled, but not by the bound.
    pub(crate) signalled: Counter,
    /// Fences that the bound has completed.
    pub(crate) timed_out: Counter,
    /// Times that a timeline's irq_work was queued, and was not queued before.
    pub(crate) queued: Counter,
    /// Times that it ran.
    pub(crate) run: Counter,
    /// What counts against the limits of the timelines now.
    pub(crate) pending: Counter,
    /// From the queueing to each signal.
    latency: [Counter; CLASSES],
}

impl Stats {
    pub(crate) const fn new() -> Self {
        Self {
            submitted: Counter::new(),
            signalled: Counter::new(),
            timed_out: Counter::new(),
            queued: Counter::new(),
            run: Counter::new(),
            pending: Counter::new(),
            latency: [const { Counter::new() }; CLASSES],
        }
    }

    /// Notes how long a signal has taken, in ns.
    pub(crate) fn latency(&self, ns: i64, count: usize) {
        let ns = ns.max(0) as u64;
        let class = (u64::BITS - (ns >> FIRST).leading_zeros()) as usize;

        self.latency[class.min(CLASSES - 1)].add(count);
    }

    pub(crate) fn write_counters(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "submitted {}", self.submitted.get())?;
        writeln!(f, "signalled {}", self.signalled.get())?;
        writeln!(f, "timed_out {}", self.timed_out.get())?;
        writeln!(f, "irq_works_queued {}", self.queued.get())?;
        writeln!(f, "irq_works_run {}", self.run.get())?;
        writeln!(f, "pending {}", self.pending.get())
    }

    /// One line for each class: what it is below, in ns, and how many signals.
    pub(crate) fn write_latency(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (class, count) in self.latency.iter().enumerate() {
            if class == CLASSES - 1 {
                writeln!(f, "more {}", count.get())?;
            } else {
                writeln!(f, "{} {}", 1u64 << (class as u32 + FIRST), count.get())?;
            }
        }
        Ok(())
    }
}
