// SPDX-License-Identifier: GPL-2.0

//! From the queueing of an irq_work to its having run.

use crate::side::{
    repeat,
    Operation,
    Side, //
};
use dma_buf::{
    delegate::{
        Delegate,
        IrqWork, //
    },
    SignallingSection, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

struct Ran(Atomic<u32>);

impl Delegate for Ran {
    fn run(&self, _section: &SignallingSection<'_>) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }
}

struct QueueToRun(IrqWork<Ran>);

impl Operation for QueueToRun {
    fn prepare(_n: u32, _arg: u32) -> Result<Self> {
        Ok(Self(IrqWork::new(Ran(Atomic::new(0)))?))
    }

    fn run(&mut self, n: u32) {
        repeat(n, || {
            let before = self.0 .0.load(Relaxed);

            self.0.queue();
            while self.0 .0.load(Relaxed) == before {
                core::hint::spin_loop();
            }
        });
    }
}

#[no_mangle]
static bench_rust_irq_work: Side = Side::new::<QueueToRun>();
