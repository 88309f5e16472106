// SPDX-License-Identifier: GPL-2.0
// checkpatch: TYPO_SPELLING: UpTo is a name here

//! Signalling everything up to a sequence number.

use crate::side::{
    fences,
    Operation,
    Plain,
    Side, //
};
use dma_buf::{
    DriverFence,
    FenceContext, //
};
use kernel::prelude::*;

/// Contexts, each with its fences, and whoever submitted the jobs has handles.
struct UpTo {
    contexts: KVec<FenceContext<Plain>>,
    pending: u32,
    _fences: KVec<KVVec<DriverFence<Plain>>>,
}

impl Operation for UpTo {
    fn prepare(n: u32, pending: u32) -> Result<Self> {
        let mut contexts = KVec::with_capacity(n as usize, GFP_KERNEL)?;
        let mut handles = KVec::with_capacity(n as usize, GFP_KERNEL)?;

        for _ in 0..n {
            let (context, fences) = fences(pending)?;

            contexts.push(context, GFP_KERNEL)?;
            handles.push(fences, GFP_KERNEL)?;
        }
        Ok(Self {
            contexts,
            pending,
            _fences: handles,
        })
    }

    fn run(&mut self, _n: u32) {
        for context in &self.contexts {
            context.signal_up_to(self.pending.into());
        }
    }
}

#[no_mangle]
static bench_rust_up_to_loop: Side = Side::new::<UpTo>();
#[no_mangle]
static bench_rust_up_to_batch: Side = Side::new::<UpTo>();
