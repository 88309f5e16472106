// SPDX-License-Identifier: GPL-2.0

//! Callbacks on fences.
//!
//! A callback runs in the middle of somebody else's signal: with the fence's
//! lock held, with interrupts off, perhaps in an interrupt handler, and while
//! whoever signals may hold locks that its author has never heard of. About all
//! it may do is to hand on: wake, complete, queue. The callbacks that do just
//! that are here, ready and audited; their code is this module's, so a driver
//! that is gone cannot be called by one it has leaked.
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
    Wake, //
};
pub use registration::FenceCallbackRegistration;

use crate::{
    bindings,
    fence::Fence, //
};
use kernel::prelude::*;

/// What to do when a fence signals.
///
/// A driver rarely implements this: see [`Complete`], [`Wake`],
/// [`QueueIrqWork`] and [`QueueWork`], which
/// can be used without `unsafe`.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, FenceCallback, FenceCallbackRegistration};
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
///   pending on a context, nor drops a context, what may be the registration, or the last
///   reference to a fence;
/// - it leaves [`FenceCallback::function`] as it is;
/// - a registration that is leaked, or given to another module, is over, because its
///   fence signals or it is cancelled, before a module goes that has this
///   implementation in its text: the one it is part of, and any that registers it.
pub unsafe trait FenceCallback: Send + Sync + Sized + 'static {
    /// The fence has signalled. What may be asked of it is its flag, error, time,
    /// context and sequence number.
    fn called(&self, fence: &Fence);

    /// The C function that calls [`Self::called`]. Overridden by the callbacks of
    /// this crate, whose function is not instantiated in the driver's module.
    #[doc(hidden)]
    fn function() -> bindings::dma_fence_func_t {
        Some(registration::call::<Self>)
    }
}

/// Why a callback was not registered; gives it back.
///
/// # Examples
///
/// ```
/// use dma_buf::{CallbackError, Complete, Fence, FenceCallbackRegistration};
/// use kernel::{prelude::*, sync::{Arc, Completion}};
///
/// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
/// let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
///
/// match callback.as_mut().register(&Fence::stub(), Complete(done.clone())) {
///     Ok(()) => {}
///     // Nobody will call it: what it was to do is done here.
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
    /// The registration is in use, or [`FenceCallbackRegistration::cancel`] has
    /// not fetched what was.
    Busy(T),
    /// A foreign driver has put into the fence what must not be there:
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

/// What became of a callback.
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
    /// The callback, in either case.
    pub fn into_inner(self) -> T {
        match self {
            Self::Cancelled(callback) | Self::Called(callback) => callback,
        }
    }
}
