// SPDX-License-Identifier: GPL-2.0

//! Waits for jobs that interrupts, timers and work items complete meanwhile.

use crate::contract::ring::{
    By,
    Ring, //
};
use crate::prelude::*;

pub(crate) struct Waiters {
    rings: KVec<(Side, Ring)>,
    round: usize,
}

impl Actor for Waiters {
    const NAME: &'static str = "waiters";

    fn new(stage: &Arc<Stage>) -> Result<Self> {
        let mut rings = KVec::new();

        for by in By::ALL {
            for side in stage.sides {
                rings.push((side, Ring::new(side, by)?), GFP_KERNEL)?;
            }
        }
        Ok(Self { rings, round: 0 })
    }

    /// A few jobs on each ring, and each way of waiting for what is on it.
    fn round(&mut self) -> Result {
        self.round += 1;
        for (index, (side, ring)) in self.rings.iter().enumerate() {
            let mut jobs = KVec::new();

            for n in 0..4 {
                jobs.push(ring.submit(Delta::from_micros(100 * (n + 1)))?, GFP_KERNEL)?;
            }
            match (self.round + index) % 4 {
                0 => Self::each(side.wait(), &jobs)?,
                1 => Self::each(side.wait().interruptible(), &jobs)?,
                2 => Self::any(side.wait(), &jobs)?,
                _ => Self::called(&jobs)?,
            }
            // They signal in order.
            let last = jobs.last().ok_or(EINVAL)?;

            ensure!(side.wait().wait(last).is_ok());
            ensure!(jobs.iter().all(|job| job.test_signaled_flag()));
            ensure!(jobs.iter().all(|job| job.error().is_none()));
        }
        Ok(())
    }
}

impl Waiters {
    fn each(wait: FenceWait, jobs: &[ARef<Fence>]) -> Result {
        for job in jobs {
            ensure!(wait.wait(job).is_ok());
        }
        Ok(())
    }

    fn any(wait: FenceWait, jobs: &[ARef<Fence>]) -> Result {
        let fences = [&*jobs[0], &*jobs[1], &*jobs[2], &*jobs[3]];
        let Ok(index) = wait.wait_any(&fences) else {
            return Err(EINVAL);
        };

        ensure!(fences[index].test_signaled_flag());
        Ok(())
    }

    fn called(jobs: &[ARef<Fence>]) -> Result {
        let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;

        if callback
            .as_mut()
            .register(&jobs[2], Complete(done.clone()))
            .is_ok()
        {
            done.wait_for_completion();
        }
        ensure!(jobs[2].test_signaled_flag());
        Ok(())
    }
}
