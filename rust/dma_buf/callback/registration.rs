// SPDX-License-Identifier: GPL-2.0

//! The registration of a callback.

use super::{
    library,
    CallbackError,
    Cancelled,
    FenceCallback, //
};
use crate::{
    bindings,
    fence::Fence,
    flat::Flat, //
};
use core::{
    cell::UnsafeCell,
    mem::{
        offset_of,
        MaybeUninit, //
    },
    pin::Pin, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};

/// A callback's place in a fence, allocated before it is needed.
///
/// When [`Self::cancel`] or the drop returns, the callback does not run. Both take the
/// fence's lock for that. The owner of the registration drops the callback, never the
/// fence that signals.
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
/// - It is counted by `library::begin`.
/// - While `fence` is none, the registration is idle, and no fence uses it.
/// - While it is some, `entry` was added to that fence, and has been removed from
///   its list or not; `callback` is initialised, and is not changed.
#[pin_data(PinnedDrop)]
#[repr(C)]
pub struct FenceCallbackRegistration<T: FenceCallback> {
    #[pin]
    entry: Opaque<bindings::dma_fence_cb>,
    callback: UnsafeCell<MaybeUninit<T>>,
    fence: Option<ARef<Fence>>,
}

// SAFETY: The callback is `Send` and `Sync`; removal works from any CPU.
unsafe impl<T: FenceCallback> Send for FenceCallbackRegistration<T> {}
// SAFETY: As above; a shared reference gives access to no more than a flag.
unsafe impl<T: FenceCallback> Sync for FenceCallbackRegistration<T> {}

impl<T: FenceCallback> FenceCallbackRegistration<T> {
    /// Makes an idle registration.
    ///
    /// Context: any.
    pub fn new() -> impl PinInit<Self> {
        // INVARIANT: Idle, and counted: nothing fails after that.
        pin_init!(Self {
            entry: Opaque::uninit(),
            callback: UnsafeCell::new(MaybeUninit::uninit()),
            fence: {
                library::begin();
                None
            },
        })
    }

    /// Registers a callback, which is called once, when the fence signals.
    ///
    /// Enables signaling, as [`Fence::enable_signaling`] does.
    ///
    /// Fails with [`CallbackError::Nested`] for an array with a container in it, and for a
    /// link with more than an array of leaves in it, unless signaling has been enabled
    /// before. It does not look at the links before it: flatten a foreign timeline
    /// [first](crate#containers). Fails with [`CallbackError::Busy`] if the registration is in
    /// use, and with [`CallbackError::AlreadySignaled`].
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_add_callback()`
    // A call would cost more than what there is to do for a leaf.
    #[inline(always)]
    pub fn register(
        self: Pin<&mut Self>,
        fence: &Fence,
        callback: T,
    ) -> Result<(), CallbackError<T>> {
        if self.fence.is_some() {
            return Err(CallbackError::Busy(callback));
        }
        if fence.is_to_be_flattened() {
            return Err(CallbackError::Nested(callback));
        }
        self.add(fence, callback)
            .map_err(CallbackError::AlreadySignaled)
    }

    /// Registers a callback on a fence that is not nested; cancels and drops the callback
    /// that was registered before, if there is one.
    ///
    /// Fails only if the fence has signalled already, and then gives the callback back.
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
        fence: &Flat,
        callback: T,
    ) -> Result<(), T> {
        drop(self.as_mut().cancel());
        self.add(fence, callback)
    }

    /// Adds the callback to the fence. The registration is idle.
    #[inline(always)]
    fn add(self: Pin<&mut Self>, fence: &Fence, callback: T) -> Result<(), T> {
        // SAFETY: Nothing is moved out of the pinned field, `entry`.
        let this = unsafe { self.get_unchecked_mut() };

        this.callback.get_mut().write(callback);
        // SAFETY: The place is valid, and what is there needs no dropping: it is none.
        unsafe { (&raw mut this.fence).write(Some(fence.into())) };

        // SAFETY: The fence is valid, as will be the entry until it is removed,
        // as the registration is pinned and its drop removes it; if that never
        // runs, the memory is never reused. The reference in `fence` keeps the
        // fence.
        let ret = unsafe {
            bindings::dma_fence_add_callback(fence.as_raw(), this.entry.get(), T::function())
        };
        if ret == 0 {
            return Ok(());
        }

        this.fence = None;
        // SAFETY: It was put there above, and the entry was not added, so no fence uses it.
        // It is idle now, so what is moved out is not read again.
        Err(unsafe { this.callback.get_mut().assume_init_read() })
    }

    /// Removes the callback, or waits until it has run, and returns it. Returns `None` if
    /// none was registered.
    ///
    /// Context: any; no fence lock held, so not a callback.
    ///
    /// C function: `dma_fence_remove_callback()`
    #[inline]
    pub fn cancel(self: Pin<&mut Self>) -> Option<Cancelled<T>> {
        // SAFETY: Nothing is moved out of the pinned field, `entry`.
        let this = unsafe { self.get_unchecked_mut() };
        let fence = this.fence.take()?;

        // SAFETY: A registration that is not idle was added to this fence. If
        // the callback is being called, this waits for the fence's lock.
        let removed =
            unsafe { bindings::dma_fence_remove_callback(fence.as_raw(), this.entry.get()) };

        // SAFETY: By the type invariants it is initialised, and now that the entry
        // is on no list and the fence's lock was let go, the fence does not use it. As
        // `fence` is none, this is the last time that it is read.
        let callback = unsafe { this.callback.get_mut().assume_init_read() };
        Some(if removed {
            Cancelled::Cancelled(callback)
        } else {
            Cancelled::Called(callback)
        })
    }

    /// Returns `true` if the fence has signalled: it has called the callback, or is about to.
    /// When [`Self::cancel`] returns, the callback has.
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
        library::end();
    }
}

/// Calls the callback of a registration.
///
/// # Safety
///
/// Called by a signalling fence, with `entry` of a `FenceCallbackRegistration<T>`
/// that is registered on it.
#[inline(always)]
pub(super) unsafe fn call_inline<T: FenceCallback>(
    fence: *mut bindings::dma_fence,
    entry: *mut bindings::dma_fence_cb,
) {
    // SAFETY: By the function's contract. By the type invariants the callback is
    // initialised, and is not changed; the owner waits for the fence's lock before it uses
    // or frees anything.
    unsafe {
        let this = entry
            .byte_sub(offset_of!(FenceCallbackRegistration<T>, entry))
            .cast::<FenceCallbackRegistration<T>>();

        (*(*this).callback.get())
            .assume_init_ref()
            .called(Fence::from_raw(fence));
    }
}

/// [`call_inline`], instantiated in the module that implements the callback.
///
/// # Safety
///
/// As for [`call_inline`].
pub(super) unsafe extern "C" fn call<T: FenceCallback>(
    fence: *mut bindings::dma_fence,
    entry: *mut bindings::dma_fence_cb,
) {
    // SAFETY: By the function's contract.
    unsafe { call_inline::<T>(fence, entry) }
}
