// SPDX-License-Identifier: GPL-2.0

//! All that drivers may do with fences, side by side, for a while: a KUnit suite.
//!
//! The suite `contract` loads this while programs do the same from user space, and then
//! looks at what lockdep has recorded: the names of the lock classes here are known to
//! selftests/guest/contract.sh.

mod containers;
mod contract;
mod crew;
mod domain_order;
#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_kunit/fixture.rs"]
mod fixture;
#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_containers/foreign.rs"]
mod foreign;
#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_resv/job.rs"]
mod job;
mod locks;
mod memory;
#[path = "../dma_buf_containers/order.rs"]
mod order;
#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_kunit/race.rs"]
mod race;
#[path = "../dma_buf_resv/reclaim.rs"]
mod reclaim;
#[path = "../dma_buf_resv/resv_order.rs"]
mod resv_order;
mod ring;
mod sections;
mod side;
mod strangers;
#[path = "../dma_buf_kunit/thread.rs"]
mod thread;
mod waiters;
#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_resv/worker.rs"]
mod worker;
#[path = "../dma_buf_kunit/workqueue.rs"]
mod workqueue;

use kernel::prelude::*;

module! {
    type: DmaBufContract,
    name: "dma_buf_contract",
    authors: ["The dma_buf_rs authors"],
    description: "All that drivers may do with fences, side by side",
    license: "GPL",
    params: {
        milliseconds: u32 {
            default: 1000,
            description: "For how long",
        },
    },
}

struct DmaBufContract;

impl kernel::Module for DmaBufContract {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(DmaBufContract)
    }
}
