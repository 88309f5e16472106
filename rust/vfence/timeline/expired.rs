// SPDX-License-Identifier: GPL-2.0

//! Which jobs the bound has completed.

/// How many runs of numbers are remembered.
const RUNS: usize = 16;

/// The numbers, as runs: mostly, what expires is what comes one after the other.
pub(crate) struct Expired {
    /// First and last of each; 0 is no job's.
    runs: [(u64, u64); RUNS],
    latest: usize,
}

impl Expired {
    pub(super) const fn new() -> Self {
        Self {
            runs: [(0, 0); RUNS],
            latest: 0,
        }
    }

    pub(super) fn add(&mut self, number: u64) {
        let (_, last) = &mut self.runs[self.latest];

        if *last != 0 && number == *last + 1 {
            *last = number;
        } else {
            self.latest = (self.latest + 1) % RUNS;
            self.runs[self.latest] = (number, number);
        }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        number != 0
            && self
                .runs
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&number))
    }
}
