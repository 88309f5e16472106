// SPDX-License-Identifier: GPL-2.0

//! Containers of several drivers, one of them a foreign one in C, that feed each
//! other: KUnit suites.
//!
//! The suite `containers` loads this, and then looks at what lockdep has recorded:
//! the names of the lock classes here are known to selftests/guest/containers.sh.

#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_kunit/containers.rs"]
mod containers;
mod exchange;
mod feeding;
#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_kunit/fixture.rs"]
mod fixture;
mod foreign;
mod long;
mod migration;
mod nested;
mod order;
#[allow(dead_code, reason = "not all that the other suites need is used here")]
#[path = "../dma_buf_kunit/race.rs"]
mod race;
mod shapes;
#[path = "../dma_buf_kunit/thread.rs"]
mod thread;
#[path = "../dma_buf_kunit/workqueue.rs"]
mod workqueue;

use kernel::prelude::*;

module! {
    type: DmaBufContainers,
    name: "dma_buf_containers",
    authors: ["The dma_buf_rs authors"],
    description: "Containers of several drivers that feed each other",
    license: "GPL",
    params: {
        milliseconds: u32 {
            default: 1000,
            description: "How long each race between two CPUs is run",
        },
    },
}

struct DmaBufContainers;

impl kernel::Module for DmaBufContainers {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(DmaBufContainers)
    }
}
