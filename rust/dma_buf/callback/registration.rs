// SPDX-License-Identifier: GPL-2.0

//! Registrations of callbacks.

use super::{
    library,
    CallbackError,
    Cancelled,
    FenceCallback, //
};
use crate::{
    bindings,
    fence::Fence,
    unwrap::UnwrappedFence, //
};
use core::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    pin::Pin, //
};
use kernel::{
    container_of,
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};

/// The registration of a callback on a fence, which can be allocated before it is needed.
///
/// When [`Self::cancel`] or the drop returns, the callback does not run any more; both take the
/// fence's lock to wait for that. The callback is dropped by the owner of the registration, never
/// by the fence that signals.
///
/// Context of the drop: any; no fence lock held.
///
/// # Examples
///
/// ```
/// use dma_buf::{callback::{Cancelled, Complete, FenceCallbackRegistration}, Fence};
/// use kernel::{prelude::*, sync::{Arc, Completion}};
///
/// fn notify(fence: &Fence) -> Result {
///     let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
///     let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
///
///     // Allocates nothing.
///     callback.as_mut().register(fence, Complete(done.clone()))?;
///     // Later, whether the fence has signalled or not:
///     match callback.as_mut().cancel() {
///         Some(Cancelled::Called(_)) => pr_info!("it was called\n"),
///         _ => pr_info!("it will not be called\n"),
///     }
///     Ok(())
/// }
/// # assert_eq!(notify(&Fence::stub()), Err(ENOENT));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - The registration is counted by `library::add_registration`.
/// - While `fence` is `None`, the registration is idle, and no fence uses it.
/// - While `fence` is `Some`, `entry` has been added to that fence, which may have removed it
///   since; `callback` is initialised and does not change.
#[pin_data(PinnedDrop)]
#[repr(C)]
pub struct FenceCallbackRegistration<T: FenceCallback> {
    #[pin]
    entry: Opaque<bindings::dma_fence_cb>,
    callback: UnsafeCell<MaybeUninit<T>>,
    fence: Option<ARef<Fence>>,
}

// SAFETY: The callback is `Send` and `Sync`, and can be removed on any CPU.
unsafe impl<T: FenceCallback> Send for FenceCallbackRegistration<T> {}
// SAFETY: A shared reference gives access to the flag of the fence only.
unsafe impl<T: FenceCallback> Sync for FenceCallbackRegistration<T> {}

impl<T: FenceCallback> FenceCallbackRegistration<T> {
    /// Creates an idle registration.
    ///
    /// Context: any.
    pub fn new() -> impl PinInit<Self> {
        // INVARIANT: The registration is idle, and is counted. Nothing fails after that.
        pin_init!(Self {
            entry: Opaque::uninit(),
            callback: UnsafeCell::new(MaybeUninit::uninit()),
            fence: {
                library::add_registration();
                None
            },
        })
    }

    /// Registers a callback, which is called once, when the fence signals. The registration keeps a
    /// reference to the fence until it is cancelled or dropped.
    ///
    /// Enables signalling, as [`Fence::enable_signaling`] does.
    ///
    /// Fails with
    /// - [`CallbackError::AlreadySignaled`] if the fence has signalled;
    /// - [`CallbackError::Busy`] if the registration is in use;
    /// - [`CallbackError::Nested`] if the fence is an array with a container in it, or a link that
    ///   contains more than an array of leaves, and signalling is not enabled yet. The links before
    ///   a link are not checked, so a foreign timeline must be [unwrapped](Fence::to_unwrapped)
    ///   [first](crate#containers).
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_add_callback()`
    // A call would cost more than the work for a leaf.
    #[inline(always)]
    pub fn register(
        self: Pin<&mut Self>,
        fence: &Fence,
        callback: T,
    ) -> Result<(), CallbackError<T>> {
        if self.fence.is_some() {
            return Err(CallbackError::Busy(callback));
        }
        if fence.needs_unwrapping() {
            return Err(CallbackError::Nested(callback));
        }
        self.add(fence, callback)
            .map_err(CallbackError::AlreadySignaled)
    }

    /// Registers a callback on an unwrapped fence. If the registration is in use, cancels and drops
    /// its callback first.
    ///
    /// Fails only if the fence has signalled already, and then returns the callback as the error.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_add_callback()`
    ///
    /// # Examples
    ///
    /// See [`QueueWork`](super::QueueWork).
    pub fn register_unwrapped(
        mut self: Pin<&mut Self>,
        fence: &UnwrappedFence,
        callback: T,
    ) -> Result<(), T> {
        drop(self.as_mut().cancel());
        self.add(fence, callback)
    }

    /// Adds the callback to the fence. The registration must be idle.
    #[inline(always)]
    fn add(self: Pin<&mut Self>, fence: &Fence, callback: T) -> Result<(), T> {
        // SAFETY: Nothing is moved out of the pinned field, `entry`.
        let this = unsafe { self.get_unchecked_mut() };

        this.callback.get_mut().write(callback);
        // SAFETY: The field is valid for writes. It is `None`, so there is nothing to drop.
        unsafe { (&raw mut this.fence).write(Some(fence.into())) };

        // SAFETY: The fence is valid, and the reference in `this.fence` keeps it so. The
        // registration is pinned, so `entry` stays valid until the drop, which removes it from the
        // fence. If the drop never runs, the memory is never reused.
        let ret = unsafe {
            bindings::dma_fence_add_callback(fence.as_raw(), this.entry.get(), T::function())
        };
        if ret == 0 {
            return Ok(());
        }

        this.fence = None;
        // SAFETY: The callback was written above. The entry was not added, so no fence uses it. The
        // registration is idle from here on, so the callback is not read again.
        Err(unsafe { this.callback.get_mut().assume_init_read() })
    }

    /// Removes the callback, or waits until it has run, and returns it. Returns `None` if the
    /// registration is idle.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_remove_callback()`
    #[inline]
    pub fn cancel(self: Pin<&mut Self>) -> Option<Cancelled<T>> {
        // SAFETY: Nothing is moved out of the pinned field, `entry`.
        let this = unsafe { self.get_unchecked_mut() };
        let fence = this.fence.take()?;

        // SAFETY: By the type invariants the entry was added to this fence, which is valid.
        let removed =
            unsafe { bindings::dma_fence_remove_callback(fence.as_raw(), this.entry.get()) };

        // SAFETY: By the type invariants the callback is initialised. The function above took the
        // fence's lock, with which callbacks run, and the entry is on no list any more. So the
        // fence does not use the callback. As `this.fence` is `None`, it is not read again.
        let callback = unsafe { this.callback.get_mut().assume_init_read() };
        Some(if removed {
            Cancelled::Cancelled(callback)
        } else {
            Cancelled::Called(callback)
        })
    }

    /// Returns `true` if the fence has signalled, so that the callback has run or is about to run.
    /// [`Self::cancel`] waits until it has run.
    ///
    /// Context: any.
    #[inline]
    pub fn is_called(&self) -> bool {
        self.fence.as_ref().is_some_and(|f| f.test_signaled_flag())
    }
}

#[pinned_drop]
impl<T: FenceCallback> PinnedDrop for FenceCallbackRegistration<T> {
    fn drop(self: Pin<&mut Self>) {
        let _ = self.cancel();
        library::remove_registration();
    }
}

/// Calls the callback of a registration.
///
/// # Safety
///
/// The caller is a fence that signals, `entry` is that of a `FenceCallbackRegistration<T>`, and
/// that is registered on the fence.
#[inline(always)]
pub(super) unsafe fn call_inline<T: FenceCallback>(
    fence: *mut bindings::dma_fence,
    entry: *mut bindings::dma_fence_cb,
) {
    // SAFETY: By the function's contract `entry` is in a registration that is in use. By the type
    // invariants the callback is initialised and does not change. The owner of the registration
    // takes the fence's lock, which is held here, before it uses or frees anything.
    unsafe {
        let entry = entry.cast::<Opaque<bindings::dma_fence_cb>>();
        let this = container_of!(entry, FenceCallbackRegistration<T>, entry);

        (*(*this).callback.get())
            .assume_init_ref()
            .called(Fence::from_raw(fence));
    }
}

/// Calls the callback of a registration. Instantiated in the module that registers it.
///
/// # Safety
///
/// The requirements of [`call_inline`].
pub(super) unsafe extern "C" fn call<T: FenceCallback>(
    fence: *mut bindings::dma_fence,
    entry: *mut bindings::dma_fence_cb,
) {
    // SAFETY: By the function's contract.
    unsafe { call_inline::<T>(fence, entry) }
}
