// SPDX-License-Identifier: GPL-2.0

//! KUnit suites of the `dma_buf` crate.
//!
//! They run when the module is loaded, if `kunit.enable=1` and `kunit.autorun=1`, and taint.
//! The suite `rust_dma_buf_NAME` is in the file `NAME.rs`, in the folder of its subject. What
//! several suites share is in `fixture`, and in C in `fixture/c`, which is another module.

#![allow(
    clippy::module_inception,
    reason = "a suite may be called as its subject"
)]

mod account;
mod containers {
    mod array;
    mod chain;
    mod chain_cost;
    mod exchange;
    mod feeding;
    mod leaves;
    mod links;
    mod long;
    mod merge;
    mod migration;
    mod nested;
}
mod context {
    mod context;
    mod data;
    mod left;
    mod ops;
    mod order;
    mod pieces;
    mod points;
    mod poll;
    mod publish_locked;
}
mod contract {
    pub(crate) mod contract;
    pub(crate) mod crew;
    pub(crate) mod exchange;
    pub(crate) mod locks;
    pub(crate) mod memory;
    pub(crate) mod ring;
    pub(crate) mod sections;
    pub(crate) mod side;
    pub(crate) mod strangers;
    pub(crate) mod waiters;
}
mod controls;
mod fault;
mod fence {
    mod callback;
    mod kind;
    mod slot;
    mod state;
    mod timestamp;
    mod wait;
}
mod fixture;
mod jobs {
    mod job_queue;
    #[cfg(all(CONFIG_DRM = "y", CONFIG_RUST_DRM_GEM_SHMEM_HELPER))]
    mod syncobj;
}
mod lockdep {
    mod lockdep;
}
mod parity {
    mod fence;
    mod fence_chain;
    mod fence_unwrap;
    mod resv;
}
mod prelude;
mod resv {
    mod allowed_waits;
    mod buffer;
    mod resv_contention;
    mod resv_lists;
    mod resv_lock;
    mod resv_lock_all;
    mod resv_query;
    mod resv_random;
    mod resv_set;
    mod resv_set_slots;
    mod resv_slots;
    mod resv_usage;
    mod resv_wait;
    mod resv_walk;
}
mod work {
    mod delegate;
    mod fence_proxy;
    mod irq_work;
    mod timer;
    mod work;
}

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
        fences: u32 {
            default: 2000,
            description: "How many fences the suite rust_dma_buf_account makes",
        },
    },
}

struct DmaBufKunit;

impl kernel::Module for DmaBufKunit {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(DmaBufKunit)
    }
}
