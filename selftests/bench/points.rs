// SPDX-License-Identifier: GPL-2.0

//! Publishing a point below others, or equal to them.

use crate::side::{
    repeat,
    Operation,
    Plain,
    Side, //
};
use dma_buf::{
    ContextOptions,
    DriverFenceAllocation,
    FenceContext, //
};
use kernel::prelude::*;

/// A context, and memory for what is published on it.
struct Points<const EQUAL: bool> {
    context: FenceContext<Plain>,
    unused: KVVec<DriverFenceAllocation<Plain>>,
}

impl<const EQUAL: bool> Points<EQUAL> {
    #[inline(always)]
    fn publish(&mut self, seqno: u64) {
        let seqno = if EQUAL { 1 } else { seqno };

        if let Some(memory) = self.unused.pop() {
            if let Ok(job) = self.context.new_fence_at(memory, seqno) {
                drop(job.detach());
            }
        }
    }
}

impl<const EQUAL: bool> Operation for Points<EQUAL> {
    fn prepare(n: u32, others: u32) -> Result<Self> {
        let options = ContextOptions::new().points();
        let context = FenceContext::with_options(c"bench", c"points", options, Plain)?;
        let mut points = Self {
            context,
            unused: KVVec::with_capacity((n + others) as usize, GFP_KERNEL)?,
        };

        for _ in 0..n + others {
            let memory = points.context.new_fence_allocation(())?;

            points.unused.push(memory, GFP_KERNEL)?;
        }
        for i in 0..others {
            points.publish((n + others - i).into());
        }
        Ok(points)
    }

    fn run(&mut self, n: u32) {
        let mut seqno = n;

        repeat(n, || {
            self.publish(seqno.into());
            seqno -= 1;
        });
    }
}

#[no_mangle]
static bench_rust_point_below: Side = Side::new::<Points<false>>();

#[no_mangle]
static bench_rust_point_equal: Side = Side::new::<Points<true>>();
