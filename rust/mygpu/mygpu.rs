// SPDX-License-Identifier: GPL-2.0

//! A driver with one job: to begin your own with.

use dma_buf::{
    FenceContext,
    FenceContextOps, //
};
use kernel::prelude::*;

struct Ring;

#[vtable]
impl FenceContextOps for Ring {
    type FenceData = ();
}

struct MyGpu {
    _ring: FenceContext<Ring>,
}

impl kernel::Module for MyGpu {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let ring = FenceContext::new(c"mygpu", c"ring 0", Ring)?;

        // To submit a job, first do everything that may fail.
        let memory = ring.new_fence_allocation(())?;
        let job = ring.new_fence(memory); // cannot fail
        let fence = job.fence(); // shared: others can wait on it, but not signal it

        // When the hardware is done, e.g. in the interrupt handler:
        job.signal(Ok(()));

        // Before another driver uses what the job has made:
        fence.wait()?;
        pr_info!("job {}: {:?}\n", fence.seqno(), fence.status());
        Ok(MyGpu { _ring: ring })
    }
}

module! {
    type: MyGpu,
    name: "mygpu",
    authors: ["You"],
    description: "One ring",
    license: "GPL",
}
