// SPDX-License-Identifier: GPL-2.0

//! Callbacks on fences.
//!
//! A callback runs while its fence is being signalled: with the fence's lock and the locks of the
//! signalling driver held, with interrupts off, perhaps in an interrupt handler. It should do no
//! more than wake a task, complete a completion or queue a [delegate](crate::delegate), whose body
//! may signal other fences.
//!
//! [`WakeUp`], [`Complete`], [`QueueIrqWork`] and [`QueueWork`] do that, and need no `unsafe`. They
//! are code of this crate's module, so leaking a registration does not make a fence call a driver
//! that has been unloaded.
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
/// Drivers rarely implement this. [`Complete`], [`WakeUp`], [`QueueIrqWork`] and [`QueueWork`] need
/// no `unsafe`.
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
/// // SAFETY: `called` changes a number and does nothing else. No registration is leaked.
/// unsafe impl FenceCallback for Count {
///     fn called(&self, _fence: &Fence) {
///         self.0.add(1, Relaxed);
///     }
/// }
///
/// let done = Arc::new(Atomic::new(0), GFP_KERNEL)?;
/// let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
/// let result = callback.as_mut().register(&Fence::stub(), Count(done.clone()));
/// // The stub has signalled already, so nothing is registered.
/// assert!(result.is_err() && done.load(Relaxed) == 0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Safety
///
/// [`FenceCallback::called`] runs on any CPU with the fence's lock held and interrupts off, perhaps
/// in hard interrupt context.
///
/// - It must not sleep, nor take a lock that is ever held with interrupts on.
/// - It must not signal a fence, register or cancel a callback, ask a context for its pending
///   fences, or drop a context, an object that may own the registration, or the last reference to a
///   fence.
/// - The implementation must not override [`FenceCallback::function`].
/// - If a registration is leaked or given to another module, its fence must signal, or the callback
///   must be cancelled, before a module is unloaded that has the implementation in its text. That
///   is the module of the implementation, and any module that registers the callback.
pub unsafe trait FenceCallback: Send + Sync + Sized + 'static {
    /// Called when the fence signals. It may ask for the fence's flag, error, timestamp, context
    /// and sequence number.
    ///
    /// Context: any, with the fence's lock held and interrupts off.
    fn called(&self, fence: &Fence);

    /// Returns the C function that calls [`Self::called`]. The callbacks of this crate override it,
    /// so that their function is not instantiated in the driver's module.
    #[doc(hidden)]
    fn function() -> bindings::dma_fence_func_t {
        Some(registration::call::<Self>)
    }
}

/// The error of registering a callback. It contains the callback.
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
///     // The callback will not be called, so do its work here.
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
    /// The registration is in use, or its last callback has been called but was not returned by
    /// [`FenceCallbackRegistration::cancel`] yet.
    Busy(T),
    /// A foreign driver has nested containers in the fence.
    /// [Unwrap](crate::Fence::to_unwrapped) it, and register on the result.
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
///
/// # Examples
///
/// See [`FenceCallbackRegistration`].
#[derive(Debug)]
pub enum Cancelled<T> {
    /// The callback was removed before it was called. The fence may have signalled all the same:
    /// some drivers set the fence's flag before they call its callbacks.
    Cancelled(T),
    /// The callback has run.
    Called(T),
}

impl<T> Cancelled<T> {
    /// Returns the callback.
    ///
    /// Context: any.
    pub fn into_inner(self) -> T {
        match self {
            Self::Cancelled(callback) | Self::Called(callback) => callback,
        }
    }
}
