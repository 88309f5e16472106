// SPDX-License-Identifier: GPL-2.0

//! The callbacks that a driver needs: audited, and text of this library.

use super::{
    registration::call_inline,
    FenceCallback, //
};
use crate::{
    bindings,
    delegate::{
        IrqWorkRef,
        WorkRef, //
    },
    fence::Fence, //
};
use kernel::sync::{
    poll::PollCondVar,
    Arc,
    Completion, //
};

/// Defines a callback whose C function is not instantiated elsewhere.
macro_rules! ready_callback {
    ($(#[$doc:meta])* $name:ident($inner:ty), |$this:ident| $body:expr) => {
        $(#[$doc])*
        pub struct $name(pub $inner);

        // SAFETY: It only does what is allowed with the fence's lock held and
        // interrupts off, as the comment at the body explains, and its function is
        // text of this library, which a registration keeps loaded.
        unsafe impl FenceCallback for $name {
            fn called(&self, _fence: &Fence) {
                let $this = self;

                $body
            }

            fn function() -> bindings::dma_fence_func_t {
                /// # Safety
                ///
                /// As for `call_inline`.
                #[inline(never)]
                unsafe extern "C" fn function(
                    fence: *mut bindings::dma_fence,
                    entry: *mut bindings::dma_fence_cb,
                ) {
                    // SAFETY: By the function's contract.
                    unsafe { call_inline::<$name>(fence, entry) }
                }

                Some(function)
            }
        }
    };
}

ready_callback!(
    /// Completes a completion.
    ///
    /// # Examples
    ///
    /// See [`CallbackError`](super::CallbackError).
    Complete(Arc<Completion>),
    // Takes the completion's own raw lock, with interrupts off, and wakes.
    |this| this.0.complete_all()
);

ready_callback!(
    /// Wakes the tasks that poll, or wait on, a [`PollCondVar`].
    ///
    /// It changes nothing that a lock protects. So it is for a poll function, which asks the
    /// fence after it has registered; a task that asks the fence and then waits on the
    /// condvar may miss the wake-up, and uses a [`Complete`] or a
    /// [`Wait`](crate::Wait) instead.
    ///
    /// The last reference to a [`PollCondVar`] may only be dropped where it may sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{callback::{FenceCallbackRegistration, WakeUp}, Fence};
    /// use kernel::{
    ///     bindings, fs::File, new_poll_condvar, prelude::*,
    ///     sync::{aref::ARef, poll::{PollCondVar, PollTable}, Arc},
    /// };
    ///
    /// /// What is behind an open file.
    /// struct Job {
    ///     fence: ARef<Fence>,
    ///     wakes: Arc<PollCondVar>,
    ///     _callback: Pin<KBox<FenceCallbackRegistration<WakeUp>>>,
    /// }
    ///
    /// impl Job {
    ///     fn new(fence: ARef<Fence>) -> Result<Self> {
    ///         let wakes = Arc::pin_init(new_poll_condvar!("Job::wakes"), GFP_KERNEL)?;
    ///         let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
    ///
    ///         // If it has signalled already, the poll function finds that.
    ///         let _ = callback.as_mut().register(&fence, WakeUp(wakes.clone()));
    ///         Ok(Self { fence, wakes, _callback: callback })
    ///     }
    ///
    ///     # #[allow(dead_code)]
    ///     fn poll(&self, file: &File, table: PollTable<'_>) -> u32 {
    ///         table.register_wait(file, &self.wakes);
    ///         if self.fence.test_signaled_flag() { bindings::POLLIN } else { 0 }
    ///     }
    /// }
    ///
    /// let job = Job::new(Fence::stub())?;
    /// # let _ = &job.wakes;
    /// assert!(job.fence.test_signaled_flag());
    /// # Ok::<(), Error>(())
    /// ```
    WakeUp(Arc<PollCondVar>),
    // Takes the wait queue's own lock, with interrupts off, and wakes, as the core does for
    // the poll of a sync_file.
    |this| this.0.notify_all()
);

ready_callback!(
    /// Queues a [`Work`](crate::delegate::Work). If it is queued with a delay, it keeps its
    /// time.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{
    ///     callback::{FenceCallbackRegistration, QueueWork},
    ///     delegate::{Delegate, Work},
    ///     Fence, SignallingSection,
    /// };
    /// use kernel::{prelude::*, sync::{Arc, Completion}};
    ///
    /// struct Next(Arc<Completion>);
    ///
    /// impl Delegate for Next {
    ///     fn run(&self, _section: &SignallingSection<'_>) {
    ///         // May sleep: hand the next job to the hardware.
    ///         self.0.complete_all();
    ///     }
    /// }
    ///
    /// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
    /// let next = Work::new(Next(done.clone()))?;
    /// let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
    /// let fence = Fence::stub().flatten()?;
    ///
    /// // When the fence signals, or now if it has.
    /// if let Err(QueueWork(next)) = callback
    ///     .as_mut()
    ///     .register_unwrapped(&fence, QueueWork(next.to_ref()))
    /// {
    ///     next.queue();
    /// }
    /// done.wait_for_completion();
    /// # Ok::<(), Error>(())
    /// ```
    QueueWork(WorkRef),
    // Takes the workqueue's own locks, with interrupts off.
    |this| {
        this.0.queue();
    }
);

ready_callback!(
    /// Queues an [`IrqWork`](crate::delegate::IrqWork), whose body may signal other fences.
    ///
    /// # Examples
    ///
    /// See [`delegate`](crate::delegate).
    QueueIrqWork(IrqWorkRef),
    // Lock-free.
    |this| {
        this.0.queue();
    }
);
