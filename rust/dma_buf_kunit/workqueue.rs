// SPDX-License-Identifier: GPL-2.0

//! Closures on a CPU of choice.

use core::ptr::NonNull;
use kernel::{
    bindings,
    cpu::CpuId,
    cpumask::CpumaskVar,
    error::to_result,
    impl_has_work, new_work,
    prelude::*,
    str::CStrExt,
    task::Task,
    workqueue::{
        RawWorkItem,
        Work,
        WorkItem, //
    },
};

/// A workqueue that is empty when it has gone: the bodies of the system's queues
/// might still be on their way out when this module's text is freed.
pub(crate) struct Workqueue(NonNull<bindings::workqueue_struct>);

impl Workqueue {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The format takes no arguments.
        let queue = unsafe {
            bindings::alloc_workqueue_noprof(
                c"dma_buf_kunit".as_char_ptr(),
                bindings::wq_flags_WQ_PERCPU | bindings::wq_flags_WQ_CPU_INTENSIVE,
                0,
            )
        };
        Ok(Self(NonNull::new(queue).ok_or(ENOMEM)?))
    }

    /// Has `body` run on this CPU, which is online. It may spin and sleep.
    pub(crate) fn spawn_on<F>(&self, cpu: u32, body: F) -> Result
    where
        F: FnOnce() + Send + 'static,
    {
        let job = KBox::pin_init(
            pin_init!(Job {
                work <- new_work!("dma_buf_kunit"),
                body: Some(body),
            }),
            GFP_KERNEL,
        )?;

        // SAFETY: The queue is valid, and the work on no other.
        unsafe { job.__enqueue(|work| bindings::queue_work_on(cpu as i32, self.0.as_ptr(), work)) };
        Ok(())
    }
}

impl Drop for Workqueue {
    fn drop(&mut self) {
        // SAFETY: Made by `new`; nobody queues any more.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

#[pin_data]
struct Job<F> {
    #[pin]
    work: Work<Job<F>>,
    body: Option<F>,
}

impl_has_work! {
    impl{F} HasWork<Self> for Job<F> { self.work }
}

impl<F: FnOnce() + Send + 'static> WorkItem for Job<F> {
    type Pointer = Pin<KBox<Self>>;

    fn run(mut this: Pin<KBox<Self>>) {
        if let Some(body) = this.as_mut().project().body.take() {
            body()
        }
    }
}

/// Keeps the current thread, which is a kernel thread, on one CPU.
pub(crate) fn stay_on(cpu: u32) -> Result {
    let mut mask = CpumaskVar::new_zero(GFP_KERNEL)?;

    mask.set(CpuId::from_u32(cpu).ok_or(EINVAL)?);
    // SAFETY: The current task and the mask are valid.
    to_result(unsafe { bindings::set_cpus_allowed_ptr(Task::current_raw(), mask.as_raw()) })
}
