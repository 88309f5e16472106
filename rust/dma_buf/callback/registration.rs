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
    fence::Fence, //
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
/// - It is counted by [`library::begin`].
/// - While `fence` is none, the registration is idle, and nobody else uses it.
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
    /// An idle registration.
    ///
    /// Any context.
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

    /// Has the callback called once, when the fence signals.
    ///
    /// Tells the fence's driver that somebody waits, as
    /// [`Fence::enable_signaling`] does. Any context, but never with a fence's
    /// lock held.
    ///
    /// Fails with [`CallbackError::Nested`] for an array with a container in it, and
    /// for a link with more than an array of leaves in it, unless somebody has had
    /// signalling enabled before. The links before it are not looked at: a foreign
    /// timeline is to be [flattened first](crate#containers).
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
        // SAFETY: Nothing is moved out of the pinned field, `entry`.
        let this = unsafe { self.get_unchecked_mut() };

        this.callback.get_mut().write(callback);
        // SAFETY: The place is valid, and what is there needs no dropping: it was
        // just seen to be none.
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
        // SAFETY: It was put there above, and the entry was not added, so nobody
        // else uses it. It is idle now, so this moves out what nobody reads again.
        Err(CallbackError::AlreadySignaled(unsafe {
            this.callback.get_mut().assume_init_read()
        }))
    }

    /// Makes sure that the callback does not run, or has, and gives it back;
    /// `None` if nothing was registered.
    ///
    /// Any context, but never with the fence's lock held, so not in a callback.
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
        // is on no list and the fence's lock was let go, nobody else uses it. As
        // `fence` is none, this is the last time that it is read.
        let callback = unsafe { this.callback.get_mut().assume_init_read() };
        Some(if removed {
            Cancelled::Cancelled(callback)
        } else {
            Cancelled::Called(callback)
        })
    }

    /// Whether the fence has signalled: it has called the callback, or is about to.
    ///
    /// Any context. To know that the callback has returned, [`Self::cancel`].
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
    // initialised, and nobody changes it; the owner waits for the fence's lock
    // before it uses or frees anything.
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
