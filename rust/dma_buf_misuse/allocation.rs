// SPDX-License-Identifier: GPL-2.0

//! Allocations that may wait for fences, because the kernel may have to take memory from
//! those who use it.

use crate::{
    cases,
    fixture::resv, //
};
use dma_buf::{
    delegate::{
        Cleanup,
        CleanupWork,
        Delegate,
        SignallingWork,
        ThreadedDelegate,
        ThreadedInterrupt, //
    },
    job_queue::{
        Completer,
        Dependencies,
        JobQueue,
        JobQueueOptions,
        JobRunner, //
    },
    resv::ResvGuard,
    signalling,
    SignallingSection, //
};
use kernel::{
    alloc::Flags,
    bindings,
    irq::{
        IrqReturn,
        ThreadedHandler, //
    },
    prelude::*,
    task::Task, //
};

cases!(
    gfp_kernel,
    gfp_kernel_in_a_work,
    gfp_kernel_in_an_interrupt_thread,
    gfp_kernel_in_a_cleanup,
    gfp_kernel_in_a_submission,
    gfp_nofs,
    gfp_nowait,
    gfp_atomic,
    gfp_kernel_with_a_resv_locked,
);

pub(crate) fn allocate(flags: Flags) -> Result {
    Ok(KBox::new(0u8, flags).map(drop)?)
}

fn gfp_kernel() -> Result {
    signalling(|_| allocate(GFP_KERNEL))
}

struct Allocates;

impl Delegate for Allocates {
    fn run(&self, _section: &SignallingSection<'_>) {
        let _ = allocate(GFP_KERNEL);
    }
}

impl Cleanup for Allocates {
    fn run(&self) {
        let _ = allocate(GFP_KERNEL);
    }
}

impl ThreadedDelegate for Allocates {
    fn handle_threaded(&self, _section: &SignallingSection<'_>) -> IrqReturn {
        let _ = allocate(GFP_KERNEL);

        IrqReturn::Handled
    }
}

fn gfp_kernel_in_a_work() -> Result {
    let work = SignallingWork::new(Allocates)?;

    work.queue();
    work.flush();
    Ok(())
}

/// What the kernel calls in the thread.
fn gfp_kernel_in_an_interrupt_thread() -> Result {
    let handler = KBox::pin_init(ThreadedInterrupt::new(Allocates), GFP_KERNEL)?;

    match handler.handle_threaded() {
        IrqReturn::Handled => Ok(()),
        IrqReturn::None => Err(EINVAL),
    }
}

fn gfp_kernel_in_a_cleanup() -> Result {
    let cleanup = CleanupWork::new(Allocates)?;

    cleanup.queue();
    cleanup.flush();
    Ok(())
}

/// A ring that does every job at once.
struct Ring(Completer<Ring>);

impl JobRunner for Ring {
    type Job = ();

    fn run(&self, _job: &(), seqno: u64, _section: &SignallingSection<'_>) -> Result {
        self.0.complete(seqno, Ok(()));
        Ok(())
    }

    fn stop(&self, _section: &SignallingSection<'_>) {}
}

fn gfp_kernel_in_a_submission() -> Result {
    let options = JobQueueOptions::new();
    let queue = JobQueue::new(c"misuse", c"ring", options, |completer| Ok(Ring(completer)))?;
    let job = queue.publish(queue.prepare((), Dependencies::new())?);
    let result = allocate(GFP_KERNEL);

    job.push();
    result
}

/// `memalloc_nofs_save()`, which makes `GFP_NOFS` of `GFP_KERNEL`: the kernel crate has
/// neither.
fn gfp_nofs() -> Result {
    let task = Task::current_raw();

    // SAFETY: The flags of the current task are its own to change.
    unsafe { (*task).flags |= bindings::PF_MEMALLOC_NOFS };
    let result = signalling(|_| allocate(GFP_KERNEL));
    // SAFETY: As above. It was not set: nobody runs a module's init so.
    unsafe { (*task).flags &= !bindings::PF_MEMALLOC_NOFS };
    result
}

fn gfp_nowait() -> Result {
    signalling(|_| allocate(GFP_NOWAIT))
}

fn gfp_atomic() -> Result {
    signalling(|_| allocate(GFP_ATOMIC))
}

fn gfp_kernel_with_a_resv_locked() -> Result {
    let mut guard = ResvGuard::lock(resv()?);

    allocate(GFP_KERNEL)?;
    guard.reserve(2).map(drop)
}
