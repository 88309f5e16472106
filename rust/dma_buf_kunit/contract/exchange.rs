// SPDX-License-Identifier: GPL-2.0

//! Two drivers that take what the other hands out, and hand out their own: one arrays,
//! of chains too, the other chains, of arrays too.

use crate::prelude::*;

/// Makes flat what a job is to be handed out as.
fn with(job: &DriverFence<Mock>, theirs: Option<&Fence>) -> Result<UnwrappedFence> {
    match theirs {
        Some(theirs) => unwrap_merge([job.as_fence(), theirs]),
        None => Ok(job.leaf().into()),
    }
}

/// What both have. Whatever a job waits for was handed out before it, so the oldest can
/// always complete.
struct Driver {
    stage: Arc<Stage>,
    side: usize,
    context: FenceContext<Mock>,
    round: u64,
}

impl Driver {
    fn new(stage: &Arc<Stage>, side: usize) -> Result<Self> {
        Ok(Self {
            stage: stage.clone(),
            side,
            context: stage.sides[side].context()?,
            round: 0,
        })
    }

    fn theirs(&self) -> Option<ARef<Fence>> {
        self.stage.slots[1 - self.side].get()
    }

    fn hand_out(&self, fence: ARef<Fence>) {
        drop(self.stage.slots[self.side].replace(Some(fence)));
    }

    /// Completes a job after what the other driver handed out: by waiting, or without.
    fn complete(&mut self, job: DriverFence<Mock>, theirs: Option<&Fence>) -> Result {
        let (ours, others) = (self.stage.sides[self.side], self.stage.sides[1 - self.side]);
        let fence = job.fence();

        self.round += 1;
        match theirs {
            Some(theirs) if self.round % 2 == 0 => {
                let (proxy, theirs) = (FenceProxyAllocation::new()?, theirs.to_unwrapped()?);
                let _proxy = proxy.start(&theirs, job);

                ensure!(ours.wait().wait(&fence).is_ok());
            }
            Some(theirs) => {
                ensure!(others.wait().wait(theirs).is_ok());
                job.signal(Ok(()));
            }
            None => {
                job.signal(Ok(()));
            }
        }
        ensure!(fence.test_signaled_flag());
        Ok(())
    }
}

pub(crate) struct Arrays(Driver);

impl Actor for Arrays {
    const NAME: &'static str = "arrays of chains";

    fn new(stage: &Arc<Stage>) -> Result<Self> {
        Driver::new(stage, 0).map(Self)
    }

    fn round(&mut self) -> Result {
        let theirs = self.0.theirs();
        let job = next(&self.0.context)?;

        self.0.hand_out(with(&job, theirs.as_deref())?.into_fence());
        self.0.complete(job, theirs.as_deref())
    }
}

pub(crate) struct Chains {
    driver: Driver,
    tail: Option<ARef<Fence>>,
}

impl Actor for Chains {
    const NAME: &'static str = "chains of arrays";

    fn new(stage: &Arc<Stage>) -> Result<Self> {
        Ok(Self {
            driver: Driver::new(stage, 1)?,
            tail: None,
        })
    }

    fn round(&mut self) -> Result {
        let theirs = self.driver.theirs();
        let link = FenceChainAllocation::new()?;
        let job = next(&self.driver.context)?;
        let flat = with(&job, theirs.as_deref())?;
        let link = FenceChain::into_fence(link.append(self.tail.take(), flat, job.seqno()));

        self.tail = Some(link.clone());
        self.driver.hand_out(link);
        self.driver.complete(job, theirs.as_deref())
    }
}
