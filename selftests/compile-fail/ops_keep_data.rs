// SPDX-License-Identifier: GPL-2.0

//! An operation keeps nothing of what it is lent.

mod fixture;

use dma_buf::FenceContextOps;
use fixture::*;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::SpinLock, //
};

#[pin_data]
struct OwnRing {
    #[pin]
    last: SpinLock<Option<&'static Job>>,
}

impl OwnRing {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            last <- new_spinlock!(None),
        })
    }
}

#[vtable]
impl FenceContextOps for OwnRing {
    type FenceData = Job;

    fn signaled(&self, data: &Job, _seqno: u64) -> Option<Result> {
        #[cfg(fault)]
        {
            *self.last.lock() = Some(data); //~ E0521 borrowed data escapes
        }
        let _ = data.number;
        None
    }
}
