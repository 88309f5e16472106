// SPDX-License-Identifier: GPL-2.0

//! The callbacks that drivers need, as code of this crate's module.

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

/// Defines a callback whose C function is not instantiated in other modules.
macro_rules! ready_callback {
    ($(#[$doc:meta])* $name:ident($inner:ty), |$this:ident| $body:expr) => {
        $(#[$doc])*
        pub struct $name(pub $inner);

        // SAFETY: The body may run with the fence's lock held and interrupts off, as the comment at
        // the body explains. Its function is text of this crate's module, which stays loaded as
        // long as there are registrations.
        unsafe impl FenceCallback for $name {
            fn called(&self, _fence: &Fence) {
                let $this = self;

                $body
            }

            fn function() -> bindings::dma_fence_func_t {
                /// Calls the callback of a registration.
                ///
                /// # Safety
                ///
                /// The requirements of `call_inline`.
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
    /// A callback that completes a [`Completion`].
    ///
    /// # Examples
    ///
    /// See [`CallbackError`](super::CallbackError).
    Complete(Arc<Completion>),
    // `complete_all()` takes the completion's own raw lock and wakes tasks.
    |this| this.0.complete_all()
);

ready_callback!(
    /// A callback that wakes the tasks that poll a [`PollCondVar`].
    ///
    /// Use it in a poll function, which asks the fence after it has registered with the condvar. A
    /// task that asks the fence first and then waits on the condvar may miss the wake-up, since the
    /// callback changes nothing under the condvar's lock. Such a task uses [`Complete`] or
    /// [`FenceWait`](crate::FenceWait).
    ///
    /// The last reference to a [`PollCondVar`] must be dropped where the task may sleep.
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
    /// /// The data of an open file.
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
    ///         // If the fence has signalled already, the poll function finds out.
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
    // `notify_all()` takes the wait queue's own lock and wakes tasks. The core does the same for
    // the poll of a sync_file.
    |this| this.0.notify_all()
);

ready_callback!(
    /// A callback that queues a [`Work`](crate::delegate::Work). A work that is already queued with
    /// a delay keeps its delay.
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
    /// let fence = Fence::stub().to_unwrapped()?;
    ///
    /// // Queues the work when the fence signals, or now if it has.
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
    // Queueing takes the workqueue's own locks, which are irq-safe.
    |this| {
        this.0.queue();
    }
);

ready_callback!(
    /// A callback that queues an [`IrqWork`](crate::delegate::IrqWork), whose body may signal other
    /// fences.
    ///
    /// # Examples
    ///
    /// See [`delegate`](crate::delegate).
    QueueIrqWork(IrqWorkRef),
    // Queueing takes no lock.
    |this| {
        this.0.queue();
    }
);
