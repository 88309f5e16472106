// SPDX-License-Identifier: GPL-2.0

//! Callbacks on fences.
//!
//! A callback runs in the middle of a signal: with the fence's lock held, with interrupts
//! off, perhaps in an interrupt handler, and under whatever locks the signalling driver
//! holds. About all that it may do is to hand on: wake, complete, queue. The callbacks that
//! do just that are ready here, and audited. Their code is this library's, so a leaked
//! callback does not call a driver that is gone. What they queue is a
//! [delegate](crate::delegate), whose body may signal.
//!
//! ```text
//!             register                 the fence signals
//!   idle ----------------> registered -------------------> called
//!    ^ ^                       |                              |
//!    | |  cancel -> Cancelled  |                              |
//!    | +-----------------------+        cancel -> Called      |
//!    +--------------------------------------------------------+
//! ```
//!
//! C functions: `dma_fence_add_callback()`, `dma_fence_remove_callback()`

mod library;
mod ready;
mod registration;

pub(crate) use library::keep_library;
pub use ready::{
    Complete,
    QueueIrqWork,
    QueueWork,
    WakeUp, //
};
pub use registration::FenceCallbackRegistration;

use crate::{
    bindings,
    fence::Fence, //
};
use kernel::prelude::*;

/// A callback on a fence.
///
/// A driver rarely implements this: [`Complete`], [`WakeUp`], [`QueueIrqWork`] and
/// [`QueueWork`] can be used without `unsafe`.
///
/// # Examples
///
/// ```
/// use dma_buf::{callback::{FenceCallback, FenceCallbackRegistration}, Fence};
/// use kernel::{prelude::*, sync::{atomic::{Atomic, Relaxed}, Arc}};
///
/// /// Counts the jobs that are done.
/// struct Count(Arc<Atomic<i32>>);
///
/// // SAFETY: It changes a number and does nothing else. No registration is leaked.
/// unsafe impl FenceCallback for Count {
///     fn called(&self, _fence: &Fence) {
///         self.0.add(1, Relaxed);
///     }
/// }
///
/// let done = Arc::new(Atomic::new(0), GFP_KERNEL)?;
/// let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
/// let result = callback.as_mut().register(&Fence::stub(), Count(done.clone()));
/// // It has signalled already, so nothing is registered.
/// assert!(result.is_err() && done.load(Relaxed) == 0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Safety
///
/// [`FenceCallback::called`] runs with the fence's lock held and interrupts off,
/// on any CPU, perhaps in hard interrupt context. The implementer ensures that
///
/// - it does not sleep, and takes no lock that is ever held with interrupts on;
/// - it neither signals a fence, nor registers or cancels a callback, nor looks at what is
///   pending on a context, nor drops a context, an object that may own the registration, or
///   the last reference to a fence;
/// - it leaves [`FenceCallback::function`] as it is;
/// - a registration that is leaked, or given to another module, is over, because its
///   fence signals or it is cancelled, before a module goes that has this
///   implementation in its text: the one it is part of, and any that registers it.
pub unsafe trait FenceCallback: Send + Sync + Sized + 'static {
    /// Called when the fence signals. It may ask for the flag, error, time, context and
    /// sequence number of the fence.
    fn called(&self, fence: &Fence);

    /// The C function that calls [`Self::called`]. Overridden by the callbacks of
    /// this crate, whose function is not instantiated in the driver's module.
    #[doc(hidden)]
    fn function() -> bindings::dma_fence_func_t {
        Some(registration::call::<Self>)
    }
}

/// The reason why a callback was not registered, with the callback.
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     callback::{CallbackError, Complete, FenceCallbackRegistration},
///     Fence,
/// };
/// use kernel::{prelude::*, sync::{Arc, Completion}};
///
/// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
/// let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
///
/// match callback.as_mut().register(&Fence::stub(), Complete(done.clone())) {
///     Ok(()) => {}
///     // It will not be called, so this does what it would have done.
///     Err(CallbackError::AlreadySignaled(Complete(done))) => done.complete_all(),
///     Err(error) => return Err(error.into()),
/// }
/// done.wait_for_completion();
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub enum CallbackError<T> {
    /// The fence had signalled already.
    AlreadySignaled(T),
    /// The registration is in use, or [`FenceCallbackRegistration::cancel`] has not fetched
    /// the callback of its last use.
    Busy(T),
    /// A foreign driver has nested containers in the fence:
    /// [flatten](crate::Fence::flatten) it, and register on that.
    Nested(T),
}

impl<T> From<CallbackError<T>> for Error {
    fn from(error: CallbackError<T>) -> Error {
        match error {
            CallbackError::AlreadySignaled(_) => ENOENT,
            CallbackError::Busy(_) => EBUSY,
            CallbackError::Nested(_) => EINVAL,
        }
    }
}

/// A callback that is not registered any more.
#[derive(Debug)]
pub enum Cancelled<T> {
    /// It was removed before it was called, and is not called any more. The fence may
    /// have signalled all the same: some drivers set its flag before they call what is
    /// registered.
    Cancelled(T),
    /// It has run.
    Called(T),
}

impl<T> Cancelled<T> {
    /// Returns the callback, in either case.
    pub fn into_inner(self) -> T {
        match self {
            Self::Cancelled(callback) | Self::Called(callback) => callback,
        }
    }
}
