// SPDX-License-Identifier: GPL-2.0

//! KUnit suites of the `dma_buf` crate.
//!
//! They run when the module is loaded, if `kunit.enable=1` and
//! `kunit.autorun=1`, and taint.

mod array;
mod callback;
mod chain;
mod chain_cost;
mod containers;
mod context;
mod data;
mod dma_buf_fence;
mod dma_buf_fence_chain;
mod dma_buf_fence_unwrap;
mod fence;
mod fixture;
mod forward;
mod irq_work;
mod kind;
mod leaves;
mod left;
mod links;
mod lockdep;
mod merge;
mod ops;
mod order;
mod points;
mod race;
mod slot;
mod timer;
mod wait;
mod wait_queue;
mod work;
mod workqueue;

use kernel::prelude::*;

module! {
    type: DmaBufKunit,
    name: "dma_buf_kunit",
    authors: ["The dma_buf_rs authors"],
    description: "KUnit suites of the dma_buf crate",
    license: "GPL",
    params: {
        milliseconds: u32 {
            default: 300,
            description: "How long each race between two CPUs is run",
        },
    },
}

struct DmaBufKunit;

impl kernel::Module for DmaBufKunit {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(DmaBufKunit)
    }
}
