// SPDX-License-Identifier: GPL-2.0

//! What operations cost: the Rust half of the benchmark, which does them
//! through the `dma_buf` crate, as a driver would. The C half is beside it.

mod array;
mod batch;
mod callback;
mod chain;
mod fence;
mod irq_work;
mod life;
mod many;
mod merge;
mod points;
mod resv;
mod side;
mod unload;

use kernel::{
    error::to_result,
    ffi::c_int,
    prelude::*, //
};

module! {
    type: Bench,
    name: "dma_buf_bench",
    authors: ["The dma_buf_rs authors"],
    description: "What dma_buf operations cost in Rust and in C",
    license: "GPL",
}

// `bench.h`
extern "C" {
    fn bench_init() -> c_int;
    fn bench_exit();
}

struct Bench;

impl kernel::Module for Bench {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: This is the module's init.
        to_result(unsafe { bench_init() })?;
        Ok(Bench)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // SAFETY: This is the module's exit, and its init has succeeded.
        unsafe { bench_exit() };
    }
}
