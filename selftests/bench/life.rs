// SPDX-License-Identifier: GPL-2.0

//! The life of a fence: allocate, publish, signal, put.

use crate::side::{
    context,
    repeat,
    Operation,
    Plain,
    Side, //
};
use dma_buf::FenceContext;
use kernel::prelude::*;

struct Life(FenceContext<Plain>);

impl Operation for Life {
    fn prepare(_n: u32, _arg: u32) -> Result<Self> {
        Ok(Self(context()?))
    }

    fn run(&mut self, n: u32) {
        repeat(n, || {
            let Ok(memory) = self.0.new_fence_allocation(()) else {
                return;
            };

            self.0.new_fence(memory).signal(Ok(()));
        });
    }
}

#[no_mangle]
static bench_rust_life_bare: Side = Side::new::<Life>();
#[no_mangle]
static bench_rust_life_timeline: Side = Side::new::<Life>();
