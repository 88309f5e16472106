// SPDX-License-Identifier: GPL-2.0

//! One fence that signals when another does.
//!
//! A callback must not signal another fence: the core takes the two locks for
//! one, or, where their classes differ, orders the one class after the other. So
//! a forward signals from an irq_work of its own, as the kernel's arrays and
//! chains do, and forwards of forwards neither nest nor recurse.

use crate::{
    callback::{
        CallbackError,
        Cancelled,
        FenceCallbackRegistration,
        QueueIrqWork, //
    },
    context::FenceContextOps,
    driver_fence::DriverFence,
    fence::Fence,
    irq_work::{
        IrqWork,
        IrqWorkItem, //
    },
    lock::lock_class,
    section::Section, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        SpinLockIrq, //
    }, //
};

/// Signals a driver's fence when another fence signals, and with its result.
///
/// Made ahead, so that starting it cannot fail for want of memory. If it is
/// dropped while it waits, the driver's fence is dropped unsignalled. When the module
/// goes whose code made it, it signals no more: another one must not keep it.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, FenceContext, FenceContextOps, Forward};
/// use kernel::prelude::*;
///
/// struct Proxy;
///
/// #[vtable]
/// impl FenceContextOps for Proxy {
///     type FenceData = ();
/// }
///
/// let context = FenceContext::new(c"mygpu", c"proxy", Proxy)?;
/// let mut forward = Forward::new()?;
///
/// let target = context.new_fence(context.new_fence_allocation(())?);
/// let fence = target.fence();
/// forward.start(&Fence::stub(), target).map_err(|_| EBUSY)?;
/// fence.wait()?;
/// # Ok::<(), Error>(())
/// ```
pub struct Forward<T: FenceContextOps> {
    registration: Pin<KBox<FenceCallbackRegistration<QueueIrqWork>>>,
    work: IrqWork<Item<T>>,
}

/// The two ends of a forward.
struct Ends<T: FenceContextOps> {
    source: ARef<Fence>,
    target: DriverFence<T>,
}

#[pin_data]
struct Item<T: FenceContextOps> {
    #[pin]
    ends: SpinLockIrq<Option<Ends<T>>>,
}

impl<T: FenceContextOps> Item<T> {
    /// Signals the target, unless it has been taken back.
    ///
    /// The irq_work of an earlier use may come as late as this: the source that
    /// is there now may not have signalled.
    fn signal(&self) {
        // Not under our lock: a fence's callbacks are anybody's.
        let ends = self
            .ends
            .lock()
            .take_if(|ends| ends.source.test_signaled_flag());

        if let Some(Ends { source, target }) = ends {
            target.signal(match source.error() {
                None => Ok(()),
                Some(error) => Err(error),
            });
        }
    }
}

impl<T: FenceContextOps> IrqWorkItem for Item<T> {
    fn run(&self, _section: &Section<'_>) {
        self.signal();
    }
}

impl<T: FenceContextOps> Forward<T> {
    /// Makes a forward that is idle.
    ///
    /// Process context, may sleep. Fails with `ENOMEM`.
    pub fn new() -> Result<Self> {
        let (name, key) = lock_class!(c"dma_buf_rs::Forward");

        Ok(Self {
            registration: KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?,
            work: IrqWork::new(pin_init!(Item {
                // Not by the macro: see `lock_class`.
                ends <- SpinLockIrq::new(None, name, key),
            }))?,
        })
    }

    /// Has `target` signalled when `source` signals; at once, if it has.
    ///
    /// Gives `target` back, with [`CallbackError::Busy`], if the forward is in use; and
    /// with [`CallbackError::Nested`] for the sources that
    /// [`FenceCallbackRegistration::register`] refuses. Any context, but never with a
    /// fence's lock held.
    pub fn start(
        &mut self,
        source: &Fence,
        target: DriverFence<T>,
    ) -> Result<(), CallbackError<DriverFence<T>>> {
        {
            let mut ends = self.work.ends.lock();

            if ends.is_some() {
                return Err(CallbackError::Busy(target));
            }
            *ends = Some(Ends {
                source: source.into(),
                target,
            });
        }
        // What is left of the last use, which is over.
        let _ = self.registration.as_mut().cancel();

        let callback = QueueIrqWork(self.work.queuer());
        match self.registration.as_mut().register(source, callback) {
            Ok(()) => {}
            Err(CallbackError::AlreadySignaled(_) | CallbackError::Busy(_)) => self.work.signal(),
            Err(CallbackError::Nested(_)) => {
                // Gone only if the source has signalled meanwhile, and the irq_work of
                // an earlier use came by.
                if let Some(target) = self.take() {
                    return Err(CallbackError::Nested(target));
                }
            }
        }
        Ok(())
    }

    /// Takes the driver's fence back, if it has not been signalled; then the
    /// forward can be used again.
    ///
    /// Any context, but never with a fence's lock held.
    pub fn cancel(&mut self) -> Option<DriverFence<T>> {
        let _: Option<Cancelled<QueueIrqWork>> = self.registration.as_mut().cancel();

        self.take()
    }

    /// Takes the driver's fence back when nothing is registered.
    fn take(&self) -> Option<DriverFence<T>> {
        // If the irq_work is under way, one of us gets it. The source goes when
        // our lock has been let go: its driver may have something to do then.
        let ends = self.work.ends.lock().take();

        ends.map(|ends| ends.target)
    }
}

impl<T: FenceContextOps> Drop for Forward<T> {
    fn drop(&mut self) {
        let _ = self.cancel();
    }
}
