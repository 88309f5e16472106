// SPDX-License-Identifier: GPL-2.0

//! Waits with reservation objects locked, and threads that contend for these.

use crate::prelude::*;

pub(crate) struct Locks {
    sides: [Side; 2],
}

impl Actor for Locks {
    const NAME: &'static str = "waits with reservation objects locked";

    fn new(stage: &Arc<Stage>) -> Result<Self> {
        Ok(Self { sides: stage.sides })
    }

    fn round(&mut self) -> Result {
        for side in self.sides {
            Self::with_another(side)?;
            Self::with_its_own(side)?;
            Self::with_a_set(side)?;
        }
        Ok(())
    }
}

impl Locks {
    /// And with memory that may have to be waited for, while that is locked.
    fn with_another(side: Side) -> Result {
        let waits = side.waits()?;
        let mut guard = ResvGuard::lock(Arc::pin_init(Resv::new(), GFP_KERNEL)?);

        let _ = guard.reserve(64)?;
        waits.run(&[RESV]);
        drop(guard);
        ensure!(waits.is_good());
        Ok(())
    }

    fn with_its_own(side: Side) -> Result {
        let job = side.job()?;
        let guard = ResvGuard::lock(job.resv().clone());
        let done = job.run(|_| {
            side.wait()
                .wait_resv(&guard, ResvUsage::Bookkeep)
                .map(|_| ())
        });

        drop(guard);
        done
    }

    fn with_a_set(side: Side) -> Result {
        let jobs = [side.job()?, side.job()?, side.job()?];
        let mut set = ResvSet::new();

        for job in &jobs {
            set.push(job.resv().clone())?;
        }
        let locked = set.lock();

        for (index, (job, (_, member))) in jobs.iter().zip(locked.iter()).enumerate() {
            if index % 2 == 0 {
                job.run(|_| {
                    side.wait()
                        .wait_resv(member, ResvUsage::Bookkeep)
                        .map(|_| ())
                })?;
            } else {
                job.run(|fence| side.wait().wait(fence).map(|_| ()))?;
            }
        }
        Ok(())
    }
}
