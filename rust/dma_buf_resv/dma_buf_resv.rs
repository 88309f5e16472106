// SPDX-License-Identifier: GPL-2.0

//! KUnit suites for contended reservation objects, and for waits with them locked.
//!
//! The suite `resv` loads this module, and then looks at lockdep's record. selftests/guest/resv.sh
//! knows the names of the lock classes.

#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_kunit/fixture.rs"]
mod fixture;
mod job;
mod lock_all;
#[path = "../dma_buf_containers/order.rs"]
mod order;
#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_kunit/race.rs"]
mod race;
mod reclaim;
mod resv_order;
#[path = "../dma_buf_kunit/thread.rs"]
mod thread;
mod wait;
mod worker;
#[path = "../dma_buf_kunit/workqueue.rs"]
mod workqueue;

use kernel::prelude::*;

module! {
    type: DmaBufResv,
    name: "dma_buf_resv",
    authors: ["The dma_buf_rs authors"],
    description: "Reservation objects under contention, and waits in reclaim",
    license: "GPL",
    params: {
        milliseconds: u32 {
            default: 1000,
            description: "How long threads contend for locks, for each number of threads",
        },
    },
}

struct DmaBufResv;

impl kernel::Module for DmaBufResv {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(DmaBufResv)
    }
}
