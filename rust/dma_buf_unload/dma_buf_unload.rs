// SPDX-License-Identifier: GPL-2.0

//! A driver that leaves things behind when its module is unloaded, as safe Rust
//! lets it. For selftests/unload, which looks at what becomes of them.
//!
//! `fd` is the descriptor of a foreign fence, for those who register on one. A
//! fence that is handed out gets the lowest free descriptor of whoever loads the
//! module. dma_buf_orphan.ko, which depends on this one, goes before it.

#![crate_name = "dma_buf_unload"]

mod adopted;
mod chain;
mod leave;

pub use adopted::{
    adopt,
    Adopted, //
};

use dma_buf::{
    ContextOptions,
    Fence,
    FenceContext,
    FenceContextOps,
    SyncFile, //
};
use kernel::{
    fs::file::{
        flags::O_CLOEXEC,
        FileDescriptorReservation, //
    },
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    }, //
};

module! {
    type: Unload,
    name: "dma_buf_unload",
    authors: ["The dma_buf_rs authors"],
    description: "A module that leaves things behind",
    license: "GPL",
    params: {
        leave: u32 {
            default: 0,
            description: "What is left behind; the numbers are in leave.rs",
        },
        fd: i32 {
            default: -1,
            description: "The descriptor of a foreign fence",
        },
    },
}

/// A context whose operations are this module's text. They take long enough for the module to go
/// meanwhile.
pub(crate) struct Ring;

fn take_time() {
    for _ in 0..1000 {
        core::hint::spin_loop();
    }
}

#[vtable]
impl FenceContextOps for Ring {
    type FenceData = u64;

    fn enable_signaling(&self, _data: &u64, _seqno: u64) -> Option<Result> {
        take_time();
        None
    }

    fn signaled(&self, data: &u64, _seqno: u64) -> Option<Result> {
        take_time();
        (*data == 0).then_some(Ok(()))
    }

    fn set_deadline(&self, _data: &u64, _seqno: u64, _deadline: Instant<Monotonic>) {
        take_time();
    }
}

/// A context of [`Ring`].
pub(crate) fn ring() -> Result<FenceContext<Ring>> {
    ring_with(ContextOptions::new())
}

/// [`ring`] with options.
pub(crate) fn ring_with(options: ContextOptions) -> Result<FenceContext<Ring>> {
    FenceContext::with_options(c"unload", c"ring", options, Ring)
}

/// Gives the current process a descriptor for a fence.
pub(crate) fn hand_out(fence: &Fence) -> Result {
    let fd = FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?;
    let file = SyncFile::new(fence)?;

    file.install(fd);
    Ok(())
}

/// The fence that the parameter names.
pub(crate) fn foreign() -> Result<kernel::sync::aref::ARef<Fence>> {
    SyncFile::fence_from_fd(module_parameters::fd.value())
}

/// What goes when the module goes.
pub struct Unload(leave::Left);

impl Drop for Unload {
    fn drop(&mut self) {
        if let Some(cleanup) = &self.0.cleanup {
            cleanup.queue();
        }
        if let Err(error) = adopted::use_up() {
            pr_err!("what was adopted is not as it should be: {:?}\n", error);
        }
    }
}

impl kernel::Module for Unload {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: This is the module's init.
        unsafe { adopted::init() };

        Ok(Self(leave::leave(module_parameters::leave.value())?))
    }
}
