// SPDX-License-Identifier: GPL-2.0

//! KUnit suites of the `dma_buf` crate.
//!
//! They run when the module is loaded, if `kunit.enable=1` and
//! `kunit.autorun=1`, and taint.

mod array;
mod buffer;
mod callback;
mod chain;
mod chain_cost;
mod containers;
mod context;
mod data;
mod delegate;
mod device;
mod dma_buf_fence;
mod dma_buf_fence_chain;
mod dma_buf_fence_unwrap;
mod dma_buf_resv;
mod fence;
mod fence_proxy;
mod fixture;
mod foreign;
mod irq_work;
mod kind;
mod leaves;
mod left;
mod links;
mod lockdep;
mod merge;
mod ops;
mod order;
mod pieces;
mod points;
mod poll;
mod publish_locked;
mod race;
mod resv;
mod resv_contention;
mod resv_lists;
mod resv_lock;
mod resv_query;
mod resv_random;
mod resv_set;
mod resv_set_slots;
mod resv_slots;
mod resv_usage;
mod resv_wait;
mod resv_walk;
mod slot;
mod timer;
mod timestamp;
mod wait;
mod work;
mod workqueue;

use kernel::prelude::*;

module! {
    type: DmaBufKunit,
    name: "dma_buf_kunit",
    authors: ["The dma_buf_rs authors"],
    description: "KUnit suites of the dma_buf crate",
    license: "GPL",
    imports_ns: ["DMA_BUF"],
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
