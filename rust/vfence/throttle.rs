// SPDX-License-Identifier: GPL-2.0

//! How much of the time the interrupts may take.
//!
//! Of jobs that take no time and wait for each other, each completes the next in an
//! interrupt that is raised in the last one's. While that goes on, the thread below
//! does not get on, however many there are; so at times the next interrupt has to
//! wait.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Of so long, in ns, ...
const WINDOW: i64 = 10_000_000;

/// ... interrupts may take this, and what else comes with them.
const SHARE: i64 = 3_000_000;

pub(crate) struct Throttle {
    /// The number of the window, counted from the epoch of CLOCK_MONOTONIC.
    window: Atomic<i64>,
    /// What interrupts took in it.
    spent: Atomic<i64>,
}

impl Throttle {
    pub(crate) const fn new() -> Self {
        Self {
            window: Atomic::new(0),
            spent: Atomic::new(0),
        }
    }

    /// An interrupt that ends now took so long, in ns.
    pub(crate) fn spend(&self, now: i64, ns: i64) {
        let window = now / WINDOW;

        if self.window.xchg(window, Relaxed) != window {
            self.spent.store(0, Relaxed);
        }
        self.spent.add(ns, Relaxed);
    }

    /// How long the next one is to wait, in ns; 0 if it need not.
    pub(crate) fn pause(&self, now: i64) -> i64 {
        if self.window.load(Relaxed) == now / WINDOW && self.spent.load(Relaxed) > SHARE {
            WINDOW - now % WINDOW
        } else {
            0
        }
    }
}
