// SPDX-License-Identifier: GPL-2.0

//! GPU synchronisation for Rust drivers: safe abstractions over the kernel's
//! `dma_fence` and what stands on it.
//!
//! A driver that runs jobs on hardware makes a [`FenceContext`] for each of its
//! timelines, a [`DriverFence`] for each job, and hands the shared side of it,
//! a [`Fence`], to whoever wants to wait: user space through a [`SyncFile`],
//! another driver, its own scheduler.
//!
//! | Who | Type | May |
//! |---|---|---|
//! | the driver, once per job | [`DriverFence`] | signal it, read its data |
//! | everybody, any number of times | [`Fence`] behind [`ARef`] | wait, ask, register callbacks |
//!
//! C headers: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h),
//! [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)
//!
//! Reference: <https://docs.kernel.org/driver-api/dma-buf.html>
//!
//! [`ARef`]: kernel::sync::aref::ARef

#![crate_name = "dma_buf"]

mod bindings;
mod callback;
mod context;
mod driver_fence;
mod fence;
mod forward;
mod header;
mod irq_work;
mod lock;
mod lockdep;
mod options;
mod registry;
mod section;
mod sync_file;
mod timeline;
mod timer;
mod wait_queue;
mod work;

pub use callback::{
    CallbackError,
    Cancelled,
    Complete,
    FenceCallback,
    FenceCallbackRegistration,
    QueueIrqWork,
    QueueWork,
    Wake, //
};
pub use context::{
    FenceContext,
    FenceContextOps,
    SeqnoError, //
};
pub use driver_fence::{
    DriverFence,
    DriverFenceAllocation,
    DriverFenceBorrow, //
};
pub use fence::{
    Fence,
    FenceSlot,
    Later,
    Status,
    Wait,
    WaitError,
    MAX_WAIT_ANY, //
};
pub use forward::Forward;
pub use irq_work::{
    IrqWork,
    IrqWorkItem,
    IrqWorkQueuer, //
};
pub use lockdep::{
    Domain,
    LockClass,
    MAX_LOCKDEP_NAME,
    MAX_LOCKDEP_NAMES, //
};
pub use options::ContextOptions;
pub use section::{
    signalling,
    Section, //
};
pub use sync_file::SyncFile;
pub use timer::{
    Timer,
    TimerItem, //
};
pub use wait_queue::WaitQueue;
pub use work::{
    Work,
    WorkItem,
    WorkQueuer, //
};

use kernel::prelude::*;

module! {
    type: DmaBufModule,
    name: "dma_buf_rs",
    authors: ["The dma_buf_rs authors"],
    description: "Rust abstractions for dma_fence and friends, as a library",
    license: "GPL",
}

#[pin_data]
struct DmaBufModule {
    #[pin]
    watch: registry::ModuleWatch,
    queue: work::Queue,
}

impl kernel::InPlaceModule for DmaBufModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // SAFETY: This is the module's init, which runs once.
        #[cfg(CONFIG_LOCKDEP)]
        unsafe {
            lockdep::table::init()
        };

        try_pin_init!(Self {
            watch <- registry::ModuleWatch::new(),
            queue: work::Queue::new()?,
        })
    }
}

/// This module, for the C side.
///
/// Not inlined: in another module's text it would name that module.
#[inline(never)]
fn this_module() -> *mut bindings::module {
    kernel::module::this_module::<LocalModule>().as_ptr()
}
