// SPDX-License-Identifier: GPL-2.0

//! The foreign driver in C: what it nests, made flat and waited for, and what it makes
//! of our fences.

use crate::fixture::foreign::{
    self,
    Device, //
};
use crate::prelude::*;

const SHAPES: [Shape; 6] = [
    Shape::FOREIGN_ARRAYS,
    Shape::FOREIGN_ARRAY_OF_CHAINS,
    Shape::FOREIGN_CHAIN_OF_ARRAYS,
    Shape::FOREIGN_CHAIN,
    Shape::FOREIGN_CHAINS,
    Shape::FOREIGN_MIXED,
];

pub(crate) struct Strangers {
    sides: [Side; 2],
    contexts: [FenceContext<Mock>; 2],
    device: Device,
    resv: Arc<Resv>,
    round: usize,
}

impl Actor for Strangers {
    const NAME: &'static str = "fences of a foreign driver";

    fn new(stage: &Arc<Stage>) -> Result<Self> {
        let [a, b] = stage.sides;

        Ok(Self {
            sides: [a, b],
            contexts: [a.context()?, b.context()?],
            device: Device::new(3)?,
            resv: Arc::pin_init(Resv::new(), GFP_KERNEL)?,
            round: 0,
        })
    }

    fn round(&mut self) -> Result {
        let nested = self.device.nest(SHAPES[self.round % SHAPES.len()], 3)?;

        self.round += 1;
        self.theirs_in_ours(&nested)?;
        self.ours_in_theirs()
    }
}

impl Strangers {
    /// A job of ours runs after what the foreign driver has nested, and both are in a
    /// reservation object.
    fn theirs_in_ours(&self, nested: &Fence) -> Result {
        let side = self.sides[self.round % 2];
        let flat = nested.to_unwrapped()?;
        let proxy = FenceProxyAllocation::new()?;
        let job = next(&self.contexts[self.round % 2])?;
        let (fence, leaf) = (job.fence(), job.leaf());

        let mut guard = ResvGuard::lock(self.resv.clone());
        guard.add_leaves(&flat, ResvUsage::Write)?;
        guard.reserve_one()?.add(&leaf, ResvUsage::Bookkeep);
        drop(guard);

        let _proxy = proxy.start(&flat, job);
        ensure!(!fence.test_signaled_flag());
        self.complete(side);
        ensure!(nested.to_unwrapped()?.wait_timeout(long()).is_ok());
        ensure!(side.wait().wait(&fence).is_ok());
        ensure!(side
            .wait()
            .wait_resv(&self.resv, ResvUsage::Bookkeep)
            .is_ok());
        Ok(())
    }

    /// The foreign driver nests jobs of ours, and of its own.
    fn ours_in_theirs(&self) -> Result {
        let jobs = [next(&self.contexts[0])?, next(&self.contexts[1])?];
        let [first, second]: [ARef<Fence>; 2] = [jobs[0].fence(), jobs[1].fence()];
        let array = foreign::array([first, self.device.submit()?])?;
        let link = foreign::link(None, second, 1)?;
        let all = foreign::array([array, link])?;
        let flat = all.to_unwrapped()?;

        ensure!(flat.leaf_count() == 3);
        for job in jobs {
            job.signal(Ok(()));
        }
        self.complete(self.sides[0]);
        ensure!(FenceWait::new().timeout(long()).wait(&flat).is_ok());
        ensure!(all.to_unwrapped()?.wait_timeout(long()).is_ok());
        Ok(())
    }

    /// The foreign driver completes its jobs, in a section of its own, in one of ours.
    fn complete(&self, side: Side) {
        side.domain
            .signalling(|_| self.device.signal_up_to(self.device.last(), Ok(())));
    }
}
