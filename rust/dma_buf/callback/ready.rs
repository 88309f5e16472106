// SPDX-License-Identifier: GPL-2.0

//! The callbacks that a driver needs: audited, and text of this module.

use super::{
    registration::call_inline,
    FenceCallback, //
};
use crate::{
    bindings,
    fence::Fence,
    irq_work::IrqWorkQueuer,
    wait_queue::WaitQueue,
    work::WorkQueuer, //
};
use kernel::sync::{
    Arc,
    Completion, //
};

/// Defines a callback whose C function is not instantiated elsewhere.
macro_rules! ready_callback {
    ($(#[$doc:meta])* $name:ident($inner:ty), |$this:ident| $body:expr) => {
        $(#[$doc])*
        pub struct $name(pub $inner);

        // SAFETY: It only does what is allowed with the fence's lock held and
        // interrupts off, as its author explains at the body, and its function is
        // text of this module, which a registration keeps loaded.
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
    /// Completes a completion, for all who wait for it.
    Complete(Arc<Completion>),
    // Takes the completion's own raw lock, with interrupts off, and wakes.
    |this| this.0.complete_all()
);

ready_callback!(
    /// Wakes all who wait on a [`WaitQueue`].
    Wake(Arc<WaitQueue>),
    // Takes the wait queue's own lock, with interrupts off, and wakes.
    |this| this.0.wake_all()
);

ready_callback!(
    /// Queues a [`Work`](crate::Work): process context. One that is queued with a
    /// delay stays so, and runs when that is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{CallbackError, Fence, FenceCallbackRegistration};
    /// use dma_buf::{QueueWork, Section, Work, WorkItem};
    /// use kernel::{prelude::*, sync::{Arc, Completion}};
    ///
    /// struct Next(Arc<Completion>);
    ///
    /// impl WorkItem for Next {
    ///     fn run(&self, _section: &Section<'_>) {
    ///         // May sleep: hand the next job to the hardware.
    ///         self.0.complete_all();
    ///     }
    /// }
    ///
    /// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
    /// let next = Work::new(Next(done.clone()))?;
    /// let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
    ///
    /// // When the fence signals, or now if it has.
    /// if let Err(CallbackError::AlreadySignaled(QueueWork(queuer))) = callback
    ///     .as_mut()
    ///     .register(&Fence::stub(), QueueWork(next.queuer()))
    /// {
    ///     queuer.queue();
    /// }
    /// done.wait_for_completion();
    /// # Ok::<(), Error>(())
    /// ```
    QueueWork(WorkQueuer),
    // Takes the workqueue's own locks, with interrupts off.
    |this| {
        this.0.queue();
    }
);

ready_callback!(
    /// Queues an [`IrqWork`](crate::IrqWork): what is not allowed in a callback,
    /// signalling another fence above all, is in its body.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{DriverFence, FenceCallbackRegistration, IrqWork, IrqWorkItem};
    /// use dma_buf::{QueueIrqWork, Section};
    /// use kernel::{new_spinlock_irq, prelude::*, sync::SpinLockIrq};
    /// # use dma_buf::{FenceContext, FenceContextOps};
    /// # struct Ring;
    /// # #[vtable]
    /// # impl FenceContextOps for Ring {
    /// #     type FenceData = ();
    /// # }
    /// # let ring = FenceContext::new(c"mygpu", c"ring 0", Ring)?;
    /// # let other = FenceContext::new(c"mygpu", c"ring 1", Ring)?;
    ///
    /// /// Signals a fence when another one has signalled.
    /// #[pin_data]
    /// struct Pass {
    ///     #[pin]
    ///     job: SpinLockIrq<Option<DriverFence<Ring>>>,
    /// }
    ///
    /// impl IrqWorkItem for Pass {
    ///     fn run(&self, _section: &Section<'_>) {
    ///         let job = self.job.lock().take();
    ///
    ///         job.map(|job| job.signal(Ok(())));
    ///     }
    /// }
    ///
    /// let first = ring.new_fence(ring.new_fence_allocation(())?);
    /// let second = other.new_fence(other.new_fence_allocation(())?);
    /// let fence = second.fence();
    /// let pass = IrqWork::new(pin_init!(Pass {
    ///     job <- new_spinlock_irq!(Some(second)),
    /// }))?;
    /// let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
    ///
    /// callback
    ///     .as_mut()
    ///     .register(first.as_fence(), QueueIrqWork(pass.queuer()))?;
    /// first.signal(Ok(()));
    /// fence.wait()?;
    /// # Ok::<(), Error>(())
    /// ```
    QueueIrqWork(IrqWorkQueuer),
    // Lock-free.
    |this| {
        this.0.queue();
    }
);
