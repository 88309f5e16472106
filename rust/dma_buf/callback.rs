// SPDX-License-Identifier: GPL-2.0

//! Callbacks on fences.
//!
//! A callback runs while its fence is being signalled: with the fence's lock and the locks of the
//! signalling driver held, with interrupts off, perhaps in an interrupt handler. It should do no
//! more than wake a task, complete a completion or queue a [delegate](crate::delegate), whose body
//! may signal other fences.
//!
//! [`WakeUp`], [`Complete`], [`QueueIrqWork`] and [`QueueWork`] do that, and need no `unsafe`. They
//! are code of this crate's module, which stays loaded as long as there are registrations. So a
//! fence with a leaked registration never calls into an unloaded driver.
//!
//! ```text
//!             register                 the fence signals
//!   idle ----------------> registered -------------------> called
//!    ^ ^                       |                              |
//!    | |  cancel -> Cancelled  |                              |
//!    | +-----------------------+        cancel -> Called      |
//!    +--------------------------------------------------------+
//! ```

use crate::{
    bindings,
    delegate::{
        IrqWorkRef,
        WorkRef, //
    },
    fence::{
        acquire_signaled,
        Fence, //
    },
    library::REGISTRATIONS,
    unwrap::UnwrappedFence, //
};
use core::{
    cell::UnsafeCell,
    mem::MaybeUninit, //
};
use kernel::{
    container_of,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Relaxed,
        poll::PollCondVar,
        Arc,
        Completion, //
    },
    types::Opaque, //
};

/// A callback on a fence. Drivers rarely implement this: see the [module](self).
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
/// - A registration that is leaked or given to another module may outlive the code of the
///   implementation, which is in the module of the implementation and in each module that registers
///   the callback. Before any of these is unloaded, the fence must have signalled, or the callback
///   must have been cancelled.
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
        Some(call::<Self>)
    }
}

/// The error of registering a callback. It contains the callback.
///
/// See [`FenceCallbackRegistration`] for an example.
#[derive(Debug)]
pub enum CallbackError<T> {
    /// The fence had signalled already.
    AlreadySignaled(T),
    /// The registration is in use. After its callback was called it stays so until
    /// [`FenceCallbackRegistration::cancel`] returns the callback.
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
/// See [`FenceCallbackRegistration`] for an example.
#[derive(Debug)]
pub enum Cancelled<T> {
    /// The callback was removed before it was called. The fence may have signalled all the same:
    /// some drivers set the fence's flag before they call its callbacks.
    Cancelled(T),
    /// The callback has run.
    Called(T),
}

/// The registration of a callback on a fence, which can be allocated before it is needed.
///
/// [`Self::cancel`] and the drop take the fence's lock, and so wait for a callback that is running.
/// The fence itself never drops the callback.
///
/// Context of the drop: any; no fence lock held.
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     callback::{CallbackError, Cancelled, Complete, FenceCallbackRegistration},
///     Fence,
/// };
/// use kernel::{prelude::*, sync::{Arc, Completion}};
///
/// fn notify(fence: &Fence, done: Arc<Completion>) -> Result {
///     let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
///
///     // Allocates nothing.
///     match callback.as_mut().register(fence, Complete(done)) {
///         Ok(()) => {}
///         // The callback will not be called, so do its work here.
///         Err(CallbackError::AlreadySignaled(Complete(done))) => done.complete_all(),
///         Err(error) => return Err(error.into()),
///     }
///     // Later, whether the fence has signalled or not:
///     match callback.as_mut().cancel() {
///         Some(Cancelled::Called(_)) => pr_info!("it was called\n"),
///         _ => pr_info!("it will not be called\n"),
///     }
///     Ok(())
/// }
///
/// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
/// notify(&Fence::stub(), done.clone())?;
/// done.wait_for_completion();
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - The registration is counted in `REGISTRATIONS`, which keeps this module loaded.
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
// SAFETY: A shared reference gives access to nothing.
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
                REGISTRATIONS.add(1, Relaxed);
                None
            },
        })
    }

    /// Registers a callback, which is called once, when the fence signals, and enables signalling.
    /// The registration keeps a reference to the fence until it is cancelled or dropped.
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
        // SAFETY: The registration is idle, as it has no fence.
        unsafe { self.add(fence, callback) }.map_err(CallbackError::AlreadySignaled)
    }

    /// Registers a callback on an unwrapped fence. If the registration is in use, cancels and drops
    /// its callback first. Fails only if the fence has signalled already, and then returns the
    /// callback as the error.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_add_callback()`
    pub fn register_unwrapped(
        mut self: Pin<&mut Self>,
        fence: &UnwrappedFence,
        callback: T,
    ) -> Result<(), T> {
        drop(self.as_mut().cancel());
        // SAFETY: The registration was just cancelled, so it is idle.
        unsafe { self.add(fence, callback) }
    }

    /// Adds the callback to the fence.
    ///
    /// # Safety
    ///
    /// The registration is idle.
    // It has two callers, so the compiler would not inline it.
    #[inline(always)]
    unsafe fn add(self: Pin<&mut Self>, fence: &Fence, callback: T) -> Result<(), T> {
        // SAFETY: Nothing is moved out of the pinned field, `entry`.
        let this = unsafe { self.get_unchecked_mut() };

        this.callback.get_mut().write(callback);
        // SAFETY: The field is valid for writes. It is `None`, by the function's contract, so there
        // is nothing to drop.
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

        acquire_signaled();
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
        // fence's lock, with which callbacks run, and the entry is on no list any more, so the
        // fence does not use it. As `this.fence` is `None`, it is not read again.
        let callback = unsafe { this.callback.get_mut().assume_init_read() };
        Some(if removed {
            Cancelled::Cancelled(callback)
        } else {
            Cancelled::Called(callback)
        })
    }
}

#[pinned_drop]
impl<T: FenceCallback> PinnedDrop for FenceCallbackRegistration<T> {
    fn drop(self: Pin<&mut Self>) {
        let _ = self.cancel();
        REGISTRATIONS.add(-1, Relaxed);
    }
}

/// Calls the callback of a registration.
///
/// # Safety
///
/// The fence is signalling, with its lock held. `entry` is the entry of a
/// `FenceCallbackRegistration<T>` that is registered on it.
// Inlined into the C functions: a callback takes 11 instructions of a signal, as in C.
#[inline(always)]
unsafe fn call_inline<T: FenceCallback>(
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
/// As for [`call_inline`].
unsafe extern "C" fn call<T: FenceCallback>(
    fence: *mut bindings::dma_fence,
    entry: *mut bindings::dma_fence_cb,
) {
    // SAFETY: By the function's contract.
    unsafe { call_inline::<T>(fence, entry) }
}

/// Defines a callback whose C function is not instantiated in other modules.
macro_rules! ready_callback {
    ($(#[$doc:meta])* $name:ident($inner:ty), |$this:ident| $body:expr) => {
        $(#[$doc])*
        pub struct $name(pub $inner);

        // SAFETY: The body may run with the fence's lock held and interrupts off, as the comment at
        // it explains. The function is text of this module, which registrations keep loaded.
        unsafe impl FenceCallback for $name {
            fn called(&self, _fence: &Fence) {
                let $this = self;

                $body
            }

            fn function() -> bindings::dma_fence_func_t {
                /// Calls the callback of a registration.
                ///
                /// # Safety
                ///
                /// As for [`call_inline`].
                #[inline(never)]
                unsafe extern "C" fn function(
                    fence: *mut bindings::dma_fence,
                    entry: *mut bindings::dma_fence_cb,
                ) {
                    // SAFETY: By the function's contract.
                    unsafe { call_inline::<$name>(fence, entry) }
                }

                Some(function)
            }
        }
    };
}

ready_callback!(
    /// A callback that completes a [`Completion`].
    ///
    /// See [`FenceCallbackRegistration`] for an example.
    Complete(Arc<Completion>),
    // `complete_all()` takes the completion's own raw lock and wakes tasks.
    |this| this.0.complete_all()
);

ready_callback!(
    /// A callback that wakes the tasks that poll a [`PollCondVar`].
    ///
    /// For a poll function, which registers with the condvar and then asks the fence. A task that
    /// asks the fence first and then waits on the condvar may miss the wake-up, since the callback
    /// does not take the lock of the waiting task. Such a task uses [`Complete`] or
    /// [`FenceWait`](crate::FenceWait).
    ///
    /// The last reference to a [`PollCondVar`] must be dropped where the task may sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::Fence;
    /// use kernel::{bindings, fs::File, sync::poll::{PollCondVar, PollTable}};
    ///
    /// /// Polls a file whose callback on `fence` is `WakeUp(wakes)`.
    /// # #[allow(dead_code)]
    /// fn poll(fence: &Fence, wakes: &PollCondVar, file: &File, table: PollTable<'_>) -> u32 {
    ///     table.register_wait(file, wakes);
    ///     if fence.test_signaled_flag() { bindings::POLLIN } else { 0 }
    /// }
    /// ```
    WakeUp(Arc<PollCondVar>),
    // `notify_all()` takes the wait queue's own lock and wakes tasks. The core does the same for
    // the poll of a sync_file.
    |this| this.0.notify_all()
);

ready_callback!(
    /// A callback that queues a [`SignallingWork`](crate::delegate::SignallingWork).
    ///
    /// See [`delegate`](crate::delegate) for an example.
    QueueWork(WorkRef),
    // Queueing takes the workqueue's own locks, which are irq-safe.
    |this| {
        this.0.queue();
    }
);

ready_callback!(
    /// A callback that queues an [`IrqWork`](crate::delegate::IrqWork), whose body may signal other
    /// fences.
    ///
    /// See [`delegate`](crate::delegate) for an example.
    QueueIrqWork(IrqWorkRef),
    // Queueing takes no lock.
    |this| {
        this.0.queue();
    }
);
