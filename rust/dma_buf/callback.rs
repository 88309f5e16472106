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

mod ready;

pub use ready::{
    Complete,
    QueueIrqWork,
    QueueWork,
    Wake, //
};

use crate::{
    bindings,
    fence::Fence, //
};
use core::{
    cell::UnsafeCell,
    mem::offset_of,
    pin::Pin, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Release, //
        }, //
    },
    types::Opaque, //
};

/// What to do when a fence signals.
///
/// A driver rarely implements this: see [`Complete`], [`Wake`],
/// [`QueueIrqWork`] and [`QueueWork`], which
/// can be used without `unsafe`.
///
/// # Safety
///
/// [`FenceCallback::called`] runs with the fence's lock held and interrupts off,
/// on any CPU, perhaps in hard interrupt context. The implementer ensures that
///
/// - it does not sleep, and takes no lock that is ever held with interrupts on;
/// - it neither signals a fence, nor registers or cancels a callback, nor drops
///   what may be the registration, or the last reference to a fence;
/// - it leaves [`FenceCallback::function`] as it is;
/// - if a registration is leaked, its fence signals before the module that the
///   implementation is part of is unloaded.
pub unsafe trait FenceCallback: Send + Sync + Sized + 'static {
    /// The fence has signalled. What may be asked of it is its flag, error, time,
    /// context and sequence number.
    fn called(&self, fence: &Fence);

    /// The C function that calls [`Self::called`]. Overridden by the callbacks of
    /// this crate, whose function is not instantiated in the driver's module.
    #[doc(hidden)]
    fn function() -> bindings::dma_fence_func_t {
        Some(call::<Self>)
    }
}

/// Why a callback was not registered; gives it back.
#[derive(Debug)]
pub enum CallbackError<T> {
    /// The fence had signalled already.
    AlreadySignaled(T),
    /// The registration is in use, or [`FenceCallbackRegistration::cancel`] has
    /// not fetched what was.
    Busy(T),
}

impl<T> From<CallbackError<T>> for Error {
    fn from(error: CallbackError<T>) -> Error {
        match error {
            CallbackError::AlreadySignaled(_) => ENOENT,
            CallbackError::Busy(_) => EBUSY,
        }
    }
}

/// What became of a callback.
#[derive(Debug)]
pub enum Cancelled<T> {
    /// It was removed before the fence signalled, and does not run.
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

/// A callback's place in a fence, allocated before it is needed.
///
/// Once it returns, neither [`Self::cancel`] nor the drop leaves the callback
/// running; both take the fence's lock for that, so neither may be called where
/// it is held. The callback is dropped by whoever owns the registration, never in
/// the middle of a signal.
///
/// # Examples
///
/// ```
/// use dma_buf::{Cancelled, Complete, Fence, FenceCallbackRegistration};
/// use kernel::{prelude::*, sync::{Arc, Completion}};
///
/// fn notify(fence: &Fence) -> Result {
///     let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
///     let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
///
///     // Cannot fail for want of memory.
///     callback.as_mut().register(fence, Complete(done.clone()))?;
///     // ... and later, whether it has signalled or not:
///     match callback.as_mut().cancel() {
///         Some(Cancelled::Called(_)) => pr_info!("it has signalled\n"),
///         _ => pr_info!("not any more\n"),
///     }
///     Ok(())
/// }
/// # assert_eq!(notify(&Fence::stub()), Err(ENOENT));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - `fence` is some exactly while the registration is not idle; `callback` then
///   is, too, and is not changed.
/// - While it is registered, and `called` is false, `entry` may be on the
///   fence's list. Once `called` is true nobody else uses `entry` or `callback`.
#[pin_data(PinnedDrop)]
#[repr(C)]
pub struct FenceCallbackRegistration<T: FenceCallback> {
    #[pin]
    entry: Opaque<bindings::dma_fence_cb>,
    called: Atomic<bool>,
    callback: UnsafeCell<Option<T>>,
    fence: Option<ARef<Fence>>,
}

// SAFETY: The callback is `Send` and `Sync`; removal works from any CPU.
unsafe impl<T: FenceCallback> Send for FenceCallbackRegistration<T> {}
// SAFETY: As above; a shared reference gives access to no more than a flag.
unsafe impl<T: FenceCallback> Sync for FenceCallbackRegistration<T> {}

impl<T: FenceCallback> FenceCallbackRegistration<T> {
    /// An idle registration.
    pub fn new() -> impl PinInit<Self> {
        // INVARIANT: Idle.
        pin_init!(Self {
            entry: Opaque::uninit(),
            called: Atomic::new(false),
            callback: UnsafeCell::new(None),
            fence: None,
        })
    }

    /// Has the callback called once, when the fence signals.
    ///
    /// Tells the fence's driver that somebody waits, as
    /// [`Fence::enable_signaling`] does. Any context, but never with a fence's
    /// lock held.
    ///
    /// C function: `dma_fence_add_callback()`
    pub fn register(
        self: Pin<&mut Self>,
        fence: &Fence,
        callback: T,
    ) -> Result<(), CallbackError<T>> {
        if self.fence.is_some() {
            return Err(CallbackError::Busy(callback));
        }
        // SAFETY: Nothing is moved out of the pinned field, `entry`.
        let this = unsafe { self.get_unchecked_mut() };

        this.called.store(false, Release);
        *this.callback.get_mut() = Some(callback);
        this.fence = Some(fence.into());

        // SAFETY: The fence is valid, as will be the entry until it is removed,
        // as the registration is pinned and its drop removes it; if that never
        // runs, the memory is never reused. The reference in `fence` keeps the
        // fence.
        let ret = unsafe {
            bindings::dma_fence_add_callback(fence.as_raw(), this.entry.get(), T::function())
        };
        if ret == 0 {
            pin_library();
            return Ok(());
        }

        this.fence = None;
        match this.callback.get_mut().take() {
            Some(callback) => Err(CallbackError::AlreadySignaled(callback)),
            // INVARIANT: It was put there above.
            None => Ok(()),
        }
    }

    /// Makes sure that the callback does not run, or has, and gives it back;
    /// `None` if nothing was registered.
    ///
    /// Any context, but never with the fence's lock held, so not in a callback.
    ///
    /// C function: `dma_fence_remove_callback()`
    pub fn cancel(self: Pin<&mut Self>) -> Option<Cancelled<T>> {
        // SAFETY: Nothing is moved out of the pinned field, `entry`.
        let this = unsafe { self.get_unchecked_mut() };
        let fence = this.fence.take()?;

        // SAFETY: A registration that is not idle was added to this fence. If
        // the callback is being called, this waits for the fence's lock.
        let removed = !this.called.load(Acquire)
            && unsafe { bindings::dma_fence_remove_callback(fence.as_raw(), this.entry.get()) };

        unpin_library();
        let callback = this.callback.get_mut().take()?;
        Some(if removed {
            Cancelled::Cancelled(callback)
        } else {
            Cancelled::Called(callback)
        })
    }

    /// Whether the callback has run.
    ///
    /// Any context.
    pub fn is_called(&self) -> bool {
        self.called.load(Acquire)
    }
}

#[pinned_drop]
impl<T: FenceCallback> PinnedDrop for FenceCallbackRegistration<T> {
    fn drop(self: Pin<&mut Self>) {
        let _ = self.cancel();
    }
}

/// Calls the callback of a registration.
///
/// # Safety
///
/// Called by a signalling fence, with `entry` of a `FenceCallbackRegistration<T>`
/// that is registered on it.
#[inline(always)]
unsafe fn call_inline<T: FenceCallback>(
    fence: *mut bindings::dma_fence,
    entry: *mut bindings::dma_fence_cb,
) {
    // SAFETY: By the function's contract. By the type invariant nobody changes
    // the callback, and the owner waits for the fence's lock before it uses or
    // frees anything, unless it has seen `called`.
    unsafe {
        let this = entry
            .byte_sub(offset_of!(FenceCallbackRegistration<T>, entry))
            .cast::<FenceCallbackRegistration<T>>();

        if let Some(callback) = &*(*this).callback.get() {
            callback.called(Fence::from_raw(fence));
        }
        // The last access: the registration may be gone after it.
        (*this).called.store(true, Release);
    }
}

/// [`call_inline`], instantiated in the module that implements the callback.
///
/// # Safety
///
/// As for [`call_inline`].
unsafe extern "C" fn call<T: FenceCallback>(
    fence: *mut bindings::dma_fence,
    entry: *mut bindings::dma_fence_cb,
) {
    // SAFETY: By the function's contract.
    unsafe { call_inline::<T>(fence, entry) }
}

/// Keeps this module loaded while a registration exists: the owner's dependency
/// on it ends when the owner is unloaded, which one that is leaked survives.
#[inline(never)]
fn pin_library() {
    // SAFETY: This module is loaded, as it runs.
    unsafe { bindings::__module_get(crate::this_module()) }
}

/// Undoes [`pin_library`].
#[inline(never)]
fn unpin_library() {
    // SAFETY: The caller depends on this module, so it is not this that keeps
    // it loaded.
    unsafe { bindings::module_put(crate::this_module()) }
}
