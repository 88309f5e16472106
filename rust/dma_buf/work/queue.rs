// SPDX-License-Identifier: GPL-2.0

//! The workqueue.

use crate::bindings;
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Release, //
    }, //
};

/// The workqueue, from this module's init to its exit.
static QUEUE: Atomic<*mut bindings::workqueue_struct> = Atomic::new(core::ptr::null_mut());

/// The workqueue; null unless a [`Queue`] exists.
///
/// It stays until the library's exit, before which all modules that use it have gone.
pub(super) fn queue() -> *mut bindings::workqueue_struct {
    QUEUE.load(Acquire)
}

/// Owns the workqueue.
pub(crate) struct Queue(());

impl Queue {
    /// Only to be called from this module's init.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Process context.
        let queue = unsafe { bindings::dma_buf_rs_alloc_workqueue() };

        if queue.is_null() {
            return Err(ENOMEM);
        }
        QUEUE.store(queue, Release);
        Ok(Self(()))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: All users have gone, as they depend on this module.
        unsafe { bindings::destroy_workqueue(QUEUE.load(Acquire)) };
    }
}
