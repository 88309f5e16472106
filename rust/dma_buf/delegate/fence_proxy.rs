// SPDX-License-Identifier: GPL-2.0

//! A fence that signals when another one does.
//!
//! A callback that signalled another fence would take the locks of both. So a proxy signals from
//! an irq_work of its own, as the kernel's arrays and chains do, and proxies of proxies neither
//! nest nor recurse.

use super::{
    Delegate,
    IrqWork, //
};
use crate::{
    callback::{
        FenceCallbackRegistration,
        QueueIrqWork, //
    },
    context::FenceContextOps,
    driver_fence::DriverFence,
    fence::Fence,
    lock::new_irq_lock,
    section::SignallingSection,
    unwrap::UnwrappedFence, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        SpinLockIrq, //
    }, //
};

/// The fence that a proxy waits for, and the fence that it signals.
struct FencePair<T: FenceContextOps> {
    source: ARef<Fence>,
    target: DriverFence<T>,
}

#[pin_data]
struct Item<T: FenceContextOps> {
    #[pin]
    fences: SpinLockIrq<Option<FencePair<T>>>,
}

impl<T: FenceContextOps> Item<T> {
    /// Takes the fences out, to be used and dropped without the lock: both may call other drivers.
    fn take(&self) -> Option<FencePair<T>> {
        self.fences.lock().take()
    }

    /// Signals the target, unless [`FenceProxy::cancel`] has returned it.
    fn signal(&self) {
        if let Some(FencePair { source, target }) = self.take() {
            target.signal(match source.error() {
                None => Ok(()),
                Some(error) => Err(error),
            });
        }
    }
}

impl<T: FenceContextOps> Delegate for Item<T> {
    fn run(&self, _section: &SignallingSection<'_>) {
        self.signal();
    }
}

/// The memory of a [`FenceProxy`], so that starting it cannot fail.
pub struct FenceProxyAllocation<T: FenceContextOps> {
    registration: Pin<KBox<FenceCallbackRegistration<QueueIrqWork>>>,
    work: IrqWork<Item<T>>,
}

impl<T: FenceContextOps> FenceProxyAllocation<T> {
    /// Allocates a proxy. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    pub fn new() -> Result<Self> {
        Ok(Self {
            registration: KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?,
            work: IrqWork::new(pin_init!(Item {
                fences <- new_irq_lock!(None, c"dma_buf_rs::FenceProxy"),
            }))?,
        })
    }

    /// Makes `target` signal with the result of `source` when `source` signals, or at once if it
    /// has.
    ///
    /// Context: any; no fence lock held.
    pub fn start(mut self, source: &UnwrappedFence, target: DriverFence<T>) -> FenceProxy<T> {
        let callback = QueueIrqWork(self.work.to_ref());

        *self.work.fences.lock() = Some(FencePair {
            source: (&**source).into(),
            target,
        });
        if self
            .registration
            .as_mut()
            .register_unwrapped(source, callback)
            .is_err()
        {
            self.work.signal();
        }
        FenceProxy(self)
    }
}

/// Signals a driver's fence when another fence signals, and with its result.
///
/// Dropping the proxy while it waits drops the driver's fence unsignalled, which is a driver bug:
/// [`FenceProxy::cancel`] gives it back. When the module that made it is unloaded, the proxy does
/// not signal any more, so no other module must own it.
///
/// # Examples
///
/// ```
/// use dma_buf::{delegate::FenceProxyAllocation, Fence, FenceContext};
/// use kernel::prelude::*;
///
/// let context = FenceContext::new(c"mygpu", c"proxy", ())?;
///
/// // First do everything that may fail: the fence must signal.
/// let source = Fence::stub().to_unwrapped()?;
/// let proxy = FenceProxyAllocation::new()?;
/// let target = context.new_fence(context.new_fence_allocation(())?);
/// let fence = target.fence();
///
/// let _proxy = proxy.start(&source, target);
/// fence.wait()?;
/// # Ok::<(), Error>(())
/// ```
#[must_use = "dropping it cancels the driver's fence"]
pub struct FenceProxy<T: FenceContextOps>(FenceProxyAllocation<T>);

impl<T: FenceContextOps> FenceProxy<T> {
    /// Stops the proxy. Returns the driver's fence if the proxy has not signalled it.
    ///
    /// Context: any; no fence lock held.
    pub fn cancel(mut self) -> Option<DriverFence<T>> {
        self.stop()
    }

    fn stop(&mut self) -> Option<DriverFence<T>> {
        drop(self.0.registration.as_mut().cancel());
        // If the irq_work is running, either it or this gets the fences.
        self.0.work.take().map(|fences| fences.target)
    }
}

impl<T: FenceContextOps> Drop for FenceProxy<T> {
    fn drop(&mut self) {
        drop(self.stop());
    }
}
