// SPDX-License-Identifier: GPL-2.0

//! Interrupt handlers whose thread runs in a signalling section.

use crate::section::{
    signalling,
    SignallingSection, //
};
use kernel::{
    irq::{
        IrqReturn,
        ThreadedHandler,
        ThreadedIrqReturn, //
    },
    prelude::*, //
};

/// An interrupt handler whose thread signals fences: [`irq::ThreadedHandler`](ThreadedHandler) with
/// a section. A [`ThreadedInterrupt`] registers it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no body for a `ThreadedInterrupt`",
    note = "implement `ThreadedDelegate` for it"
)]
pub trait ThreadedDelegate: Sync {
    /// Handles the interrupt. By default, only wakes the thread.
    ///
    /// Context: hard interrupt.
    fn handle(&self) -> ThreadedIrqReturn {
        ThreadedIrqReturn::WakeThread
    }

    /// Handles the interrupt in its thread, in a signalling section.
    ///
    /// Context: process; may sleep, but neither lock a reservation object nor allocate with
    /// `GFP_KERNEL`.
    fn handle_threaded(&self, section: &SignallingSection<'_>) -> IrqReturn;
}

/// Adapts a [`ThreadedDelegate`] to the kernel's
/// [`irq::ThreadedRegistration`](kernel::irq::ThreadedRegistration).
///
/// A handler that signals in hard interrupt context needs no adapter: it implements
/// [`irq::Handler`](kernel::irq::Handler).
///
/// # Examples
///
/// ```
/// use dma_buf::delegate::{ThreadedDelegate, ThreadedInterrupt};
/// use kernel::{
///     irq::{Flags, IrqRequest, ThreadedRegistration},
///     prelude::*,
/// };
///
/// # #[allow(dead_code)]
/// fn register<T: ThreadedDelegate + 'static>(
///     request: IrqRequest<'_>,
///     handler: T,
/// ) -> Result<Pin<KBox<ThreadedRegistration<'_, ThreadedInterrupt<T>>>>> {
///     let handler = ThreadedInterrupt::new(handler);
///
///     // SAFETY: The driver does not forget the registration.
///     let registration = unsafe {
///         ThreadedRegistration::new(request, Flags::SHARED, c"mygpu", handler)
///     };
///     KBox::pin_init(registration, GFP_KERNEL)
/// }
/// ```
///
/// [`JobRunner`](crate::job_queue::JobRunner#examples) has a handler.
#[pin_data]
pub struct ThreadedInterrupt<T: ThreadedDelegate> {
    /// The driver's handler.
    #[pin]
    pub handler: T,
}

impl<T: ThreadedDelegate> ThreadedInterrupt<T> {
    /// Makes an adapter. Fails as `handler` does.
    ///
    /// Context: that of `handler`.
    pub fn new<E>(handler: impl PinInit<T, E>) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        try_pin_init!(Self {
            handler <- handler,
        }? Error)
    }
}

impl<T: ThreadedDelegate> ThreadedHandler for ThreadedInterrupt<T> {
    fn handle(&self) -> ThreadedIrqReturn {
        self.handler.handle()
    }

    fn handle_threaded(&self) -> IrqReturn {
        signalling(|section| self.handler.handle_threaded(section))
    }
}
