// SPDX-License-Identifier: GPL-2.0

//! Closures on a thread of their own.
//!
//! Not work items: when a workqueue goes, lockdep forgets what was locked in its
//! works, and that is to be looked at.

use core::ptr::NonNull;
use kernel::{
    bindings,
    error::from_err_ptr,
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    str::CStrExt,
    sync::{
        Arc,
        Completion, //
    }, //
};

/// A thread, which is waited for when this is dropped.
///
/// # Invariants
///
/// The task is a kernel thread with a reference that is ours, and will complete
/// `done`.
pub(crate) struct Thread {
    task: NonNull<bindings::task_struct>,
    done: Arc<Completion>,
}

struct Start<F> {
    body: F,
    done: Arc<Completion>,
}

impl Thread {
    /// Runs `body` on this CPU, which is online.
    pub(crate) fn spawn_on<F>(cpu: u32, body: F) -> Result<Self>
    where
        F: FnOnce() + Send + 'static,
    {
        let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let start = Start {
            body,
            done: done.clone(),
        };
        let start = KBox::into_raw(KBox::new(start, GFP_KERNEL)?);

        // SAFETY: The format takes no arguments, and the function takes a `start`.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(run::<F>),
                start.cast(),
                -1,
                c"dma_buf_test".as_char_ptr(),
            )
        });
        let task = task.inspect_err(|_| {
            // SAFETY: There is no thread to take it.
            drop(unsafe { KBox::from_raw(start) })
        })?;
        // SAFETY: A thread that has not run yet, and does not end before it has. It
        // does run: nobody stops it before that.
        unsafe {
            bindings::get_task_struct(task);
            bindings::kthread_bind(task, cpu);
            bindings::wake_up_process(task);
        }
        // INVARIANT: As just done.
        Ok(Self {
            task: NonNull::new(task).ok_or(EINVAL)?,
            done,
        })
    }
}

/// # Safety
///
/// `data` is from `KBox::<Start<F>>::into_raw`, and given up.
unsafe extern "C" fn run<F: FnOnce()>(data: *mut c_void) -> c_int {
    // SAFETY: By the function's contract.
    let start = unsafe { KBox::<Start<F>>::from_raw(data.cast()) };
    let Start { body, done } = KBox::into_inner(start);

    body();
    done.complete_all();
    0
}

impl Drop for Thread {
    fn drop(&mut self) {
        // Stopped before it has begun, it would not begin.
        self.done.wait_for_completion();
        // SAFETY: By the type invariant; the reference is given up.
        unsafe { bindings::kthread_stop_put(self.task.as_ptr()) };
    }
}
