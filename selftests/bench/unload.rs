// SPDX-License-Identifier: GPL-2.0

//! Contexts that are there while another module goes.

use crate::side::{
    context,
    Operation,
    Plain,
    Side, //
};
use dma_buf::FenceContext;
use kernel::prelude::*;

struct Contexts(#[expect(dead_code)] KVVec<FenceContext<Plain>>);

impl Operation for Contexts {
    fn prepare(_n: u32, count: u32) -> Result<Self> {
        let mut contexts = KVVec::with_capacity(count as usize, GFP_KERNEL)?;

        for _ in 0..count {
            contexts.push(context()?, GFP_KERNEL)?;
        }
        Ok(Self(contexts))
    }

    fn run(&mut self, _n: u32) {}
}

#[no_mangle]
static bench_rust_contexts: Side = Side::new::<Contexts>();
