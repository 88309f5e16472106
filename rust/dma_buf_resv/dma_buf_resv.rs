// SPDX-License-Identifier: GPL-2.0

//! Reservation objects under contention, and waits where others may have to wait for
//! them: KUnit suites.
//!
//! The suite `resv` loads this, and then looks at what lockdep has recorded: the names
//! of the lock classes here are known to selftests/guest/resv.sh.

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
