// SPDX-License-Identifier: GPL-2.0

//! A wait queue: tasks that sleep until something is true, and can be woken from
//! a callback.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

use crate::{
    bindings,
    lock::lock_class, //
};
use core::ptr;
use kernel::{
    ffi::c_int,
    prelude::*,
    str::CStrExt,
    types::Opaque, //
};

/// Tasks that wait for a condition, whoever makes it true.
///
/// Unlike a `CondVar` it needs no lock around the condition: what it asks may
/// change at any time, a fence's flag for one.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, FenceCallbackRegistration, Wake, WaitQueue};
/// use kernel::{prelude::*, sync::Arc};
///
/// /// Waits for both, without a thought to which comes first.
/// fn both(a: &Fence, b: &Fence) -> Result {
///     let queue = Arc::pin_init(WaitQueue::new(), GFP_KERNEL)?;
///     let mut callbacks = [
///         KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?,
///         KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?,
///     ];
///
///     for (callback, fence) in callbacks.iter_mut().zip([a, b]) {
///         // One that has signalled already needs no waking.
///         let _ = callback.as_mut().register(fence, Wake(queue.clone()));
///     }
///     queue.wait_interruptible(|| a.test_signaled_flag() && b.test_signaled_flag())
/// }
/// # both(&Fence::stub(), &Fence::stub())?;
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct WaitQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue has a lock of its own.
unsafe impl Send for WaitQueue {}
// SAFETY: As above.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// A wait queue on which nobody waits.
    ///
    /// Any context.
    ///
    /// C function: `init_waitqueue_head()`
    #[inline(never)]
    pub fn new() -> impl PinInit<Self> {
        let (name, key) = lock_class!(c"dma_buf_rs::WaitQueue");

        pin_init!(Self {
            head <- Opaque::ffi_init(move |slot| {
                // SAFETY: `slot` is valid for writes; name and key are static.
                unsafe {
                    bindings::__init_waitqueue_head(
                        slot,
                        name.as_char_ptr(),
                        key.as_ptr(),
                    )
                }
            }),
        })
    }

    /// Wakes all who wait, to ask their conditions again.
    ///
    /// Any context but NMI.
    ///
    /// C function: `wake_up_all()`
    pub fn wake_all(&self) {
        // SAFETY: The queue is initialised.
        unsafe { bindings::__wake_up(self.head.get(), bindings::TASK_NORMAL, 0, ptr::null_mut()) };
    }

    /// Sleeps until `condition` is true.
    ///
    /// Process context, may sleep. `condition` must not.
    ///
    /// C function: `wait_event()`
    pub fn wait(&self, condition: impl FnMut() -> bool) {
        let _ = self.wait_in(bindings::TASK_UNINTERRUPTIBLE as c_int, condition);
    }

    /// Sleeps until `condition` is true, or fails with `ERESTARTSYS` when a signal
    /// comes for the task.
    ///
    /// Process context, may sleep. `condition` must not.
    ///
    /// C function: `wait_event_interruptible()`
    pub fn wait_interruptible(&self, condition: impl FnMut() -> bool) -> Result {
        self.wait_in(bindings::TASK_INTERRUPTIBLE as c_int, condition)
    }

    fn wait_in(&self, state: c_int, mut condition: impl FnMut() -> bool) -> Result {
        let entry = Opaque::<bindings::wait_queue_entry>::uninit();

        if condition() {
            return Ok(());
        }
        // SAFETY: The entry is valid for writes, and does not move.
        unsafe { bindings::init_wait_entry(entry.get(), 0) };
        // Takes the entry off the queue however this function ends.
        let _finish = Finish {
            queue: self,
            entry: &entry,
        };
        loop {
            // SAFETY: Both are initialised, and the entry is off the queue before
            // it goes. The task's state changes after it is on it, so that a
            // wake-up from here on is not lost.
            let ret =
                unsafe { bindings::prepare_to_wait_event(self.head.get(), entry.get(), state) };

            if condition() {
                return Ok(());
            }
            if ret != 0 {
                return Err(Error::from_errno(ret as i32));
            }
            // SAFETY: Process context, by the callers' contract.
            unsafe { bindings::schedule() };
        }
    }
}

/// Ends a wait.
struct Finish<'a> {
    queue: &'a WaitQueue,
    entry: &'a Opaque<bindings::wait_queue_entry>,
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        // SAFETY: Both are initialised.
        unsafe { bindings::finish_wait(self.queue.head.get(), self.entry.get()) };
    }
}
