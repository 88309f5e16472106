// SPDX-License-Identifier: GPL-2.0

//! Contexts, their operations, and the data in both.

mod fixture;

use core::cell::Cell;
use fixture::*;
use kernel::{
    new_spinlock,
    sync::SpinLock, //
};

/// A context's data is not used after the context has gone.
fn data_of(ring: FenceContext<Ring>) -> u32 {
    let data: &Ring = &ring;
    #[cfg(fault = "context_data_after_drop")]
    drop(ring); //~ E0505 cannot move out of `ring` because it is borrowed
    data.number
}

/// A context's data is shared with operations, so it cannot be changed without a lock.
fn data_shared(ring: &mut FenceContext<Ring>) -> u32 {
    #[cfg(fault = "context_data_mutable")]
    {
        ring.number = 2; //~ E0594 cannot assign to data in dereference of
    }
    ring.number
}

/// The library's init is not for others to call.
#[cfg(fault = "context_library_module")]
use dma_buf::DmaBufModule; //~ E0603 struct `DmaBufModule` is private

/// Nor is it by way of a context of `()`, which is the library's own.
#[cfg(fault = "context_unit_module")]
fn init() {
    let module = kernel::module::this_module::<LocalModule>();

    let _ = <<() as FenceContextOps>::OwnerModule as kernel::InPlaceModule>::init(module);
    //~^ E0277 the trait bound `(): Module` is not satisfied
}

struct Borrows<T>(T);

/// A context's data outlives whoever made it, so it borrows nothing.
#[cfg(fault = "context_borrows")]
#[vtable]
impl<T: Send + Sync> FenceContextOps for Borrows<T> {
    //~^ E0310 the parameter type `T` may not live long enough
    type FenceData = ();
}

#[cfg(not(fault = "context_borrows"))]
#[vtable]
impl<T: Send + Sync + 'static> FenceContextOps for Borrows<T> {
    type FenceData = ();
}

/// A context's data is dropped on any CPU, so it must be Send.
struct NotSend {
    #[cfg(fault = "context_not_send")]
    _here: NotThreadSafe,
}

// SAFETY: Sharing it gives access to nothing.
unsafe impl Sync for NotSend {}

#[vtable]
impl FenceContextOps for NotSend {
    //~^ E0277 cannot be sent between threads safely
    type FenceData = ();
}

/// A context's data is used by operations on several CPUs, so it must be Sync.
struct NotSync {
    #[cfg(fault = "context_not_sync")]
    _busy: Cell<bool>,
}

#[vtable]
impl FenceContextOps for NotSync {
    //~^ E0277 cannot be shared between threads safely
    type FenceData = ();
}

/// A fence's data is dropped on any CPU, so it must be Send.
struct DataNotSend {
    #[cfg(fault = "fence_data_not_send")]
    _here: NotThreadSafe,
}

// SAFETY: Sharing it gives access to nothing.
unsafe impl Sync for DataNotSend {}

struct OfDataNotSend;

#[vtable]
impl FenceContextOps for OfDataNotSend {
    type FenceData = DataNotSend; //~ E0277 cannot be sent between threads safely
}

/// A fence's data is used by operations on several CPUs, so it must be Sync.
struct DataNotSync {
    #[cfg(fault = "fence_data_not_sync")]
    _count: Cell<u32>,
}

struct OfDataNotSync;

#[vtable]
impl FenceContextOps for OfDataNotSync {
    type FenceData = DataNotSync; //~ E0277 cannot be shared between threads safely
}

#[pin_data]
struct Keeps {
    #[pin]
    last: SpinLock<Option<&'static Job>>,
}

impl Keeps {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            last <- new_spinlock!(None),
        })
    }
}

#[vtable]
impl FenceContextOps for Keeps {
    type FenceData = Job;

    // An operation keeps nothing of what it is lent.
    fn signaled(&self, data: &Job, _seqno: u64) -> Option<Result> {
        #[cfg(fault = "ops_keep_data")]
        {
            *self.last.lock() = Some(data); //~ E0521 borrowed data escapes
        }
        let _ = data.number;
        None
    }
}
