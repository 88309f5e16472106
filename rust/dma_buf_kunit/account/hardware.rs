// SPDX-License-Identifier: GPL-2.0

//! Completes fences by their handles: in a thread, in an irq_work and in a timer's interrupt.

use super::{
    job::Desk,
    shared::{
        Left,
        Role,
        Shared, //
    }, //
};
use crate::prelude::*;

/// Completes the fences in some places, in an interrupt. Their owners stay there.
struct Interrupt {
    shared: Arc<Shared>,
    runs: Atomic<u32>,
}

impl Delegate for Interrupt {
    fn run(&self, _section: &SignallingSection<'_>) {
        let mut random = Random(self.runs.fetch_add(1, Relaxed));

        for _ in 0..4 {
            let place = random.below(usize::MAX);

            self.shared.jobs.look_at(place, |job| {
                if let Some(job) = job {
                    job.complete(&mut random);
                }
            });
        }
    }
}

pub(crate) struct Hardware {
    shared: Arc<Shared>,
    random: Random,
    desk: Desk,
    irq_work: IrqWork<Interrupt>,
    timer: Timer<Interrupt>,
}

impl Role for Hardware {
    const NAME: &'static str = "hardware";
    const FENCES: u64 = 8;

    fn new(shared: &Arc<Shared>, seed: u32) -> Result<Self> {
        let interrupt = |seed| Interrupt {
            shared: shared.clone(),
            runs: Atomic::new(seed),
        };

        Ok(Self {
            shared: shared.clone(),
            random: Random(seed),
            desk: Desk::new(),
            irq_work: IrqWork::new(interrupt(seed))?,
            timer: Timer::new(interrupt(!seed))?,
        })
    }

    fn round(&mut self) -> Result<bool> {
        match self.random.below(4) {
            0 => {
                self.irq_work.queue();
            }
            1 => self
                .timer
                .start(Delta::from_micros(self.random.below(200) as i64)),
            _ => {
                let place = self.random.below(usize::MAX);

                if let Some(mut job) = self.shared.jobs.exchange(place, None) {
                    job.complete(&mut self.random);
                    self.desk.put(job)?;
                }
            }
        }
        Ok(true)
    }

    fn finish(self) -> Result<Left> {
        self.timer.cancel();
        self.irq_work.sync();
        Ok(self.desk.into())
    }
}
