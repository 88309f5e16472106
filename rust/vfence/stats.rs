// SPDX-License-Identifier: GPL-2.0

//! Counters of what the device has done since it was loaded.

use kernel::{
    fmt,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// A number of fences or events.
pub(crate) struct Counter(Atomic<i64>);

impl Counter {
    const fn new() -> Self {
        Self(Atomic::new(0))
    }

    pub(crate) fn add(&self, count: usize) {
        self.0.add(count as i64, Relaxed);
    }
}

pub(crate) struct Stats {
    /// Jobs submitted and points made.
    pub(crate) submitted: Counter,
    /// Fences that signalled because the bound had come.
    pub(crate) timed_out: Counter,
    /// How often the interrupt was raised while it was not.
    pub(crate) raised: Counter,
    /// How often the interrupt ran.
    pub(crate) ran: Counter,
}

impl Stats {
    pub(crate) const fn new() -> Self {
        Self {
            submitted: Counter::new(),
            timed_out: Counter::new(),
            raised: Counter::new(),
            ran: Counter::new(),
        }
    }

    /// Writes a line for each counter. Of the fences that were submitted, `pending` are pending,
    /// and all others have signalled.
    pub(crate) fn write(&self, pending: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let submitted = self.submitted.0.load(Relaxed);
        let timed_out = self.timed_out.0.load(Relaxed);

        for (name, count) in [
            ("submitted", submitted),
            // The counters may change while they are read.
            ("signalled", (submitted - timed_out - pending).max(0)),
            ("timed_out", timed_out),
            ("irq_works_queued", self.raised.0.load(Relaxed)),
            ("irq_works_run", self.ran.0.load(Relaxed)),
            ("pending", pending),
        ] {
            writeln!(f, "{name} {count}")?;
        }
        Ok(())
    }
}
