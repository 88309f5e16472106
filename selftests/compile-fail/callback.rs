// SPDX-License-Identifier: GPL-2.0

//! Callbacks, and what comes back of them.

mod fixture;

use dma_buf::{
    callback::{
        CallbackError,
        Cancelled,
        Complete,
        FenceCallback,
        FenceCallbackRegistration,
        QueueWork, //
    },
    delegate::{
        Cleanup,
        CleanupWork,
        Delegate,
        SignallingWork, //
    },
};
use fixture::*;

struct Borrows<T>(T);

/// A callback may outlive the code that registered it, so it must not borrow.
#[cfg(fault = "callback_borrows")]
// SAFETY: It does nothing.
unsafe impl<T: Send + Sync> FenceCallback for Borrows<T> {
    //~^ E0310 the parameter type `T` may not live long enough
    fn called(&self, _fence: &Fence) {}
}

#[cfg(not(fault = "callback_borrows"))]
// SAFETY: It does nothing.
unsafe impl<T: Send + Sync + 'static> FenceCallback for Borrows<T> {
    fn called(&self, _fence: &Fence) {}
}

/// A callback runs on any CPU, so it must be Send.
struct NotSend {
    #[cfg(fault = "callback_not_send")]
    _here: NotThreadSafe,
}

// SAFETY: Sharing it gives access to nothing.
unsafe impl Sync for NotSend {}

// SAFETY: It does nothing.
unsafe impl FenceCallback for NotSend {
    //~^ E0277 cannot be sent between threads safely
    fn called(&self, _fence: &Fence) {}
}

struct Own;

/// A callback of the driver's own is a promise, so it takes unsafe.
#[cfg(fault = "callback_without_unsafe")]
impl FenceCallback for Own {
    //~^ E0200 requires an `unsafe impl` declaration
    fn called(&self, _fence: &Fence) {}
}

#[cfg(not(fault = "callback_without_unsafe"))]
// SAFETY: It does nothing.
unsafe impl FenceCallback for Own {
    fn called(&self, _fence: &Fence) {}
}

/// While it is registered, a callback belongs to the fence.
fn registered(
    registration: Pin<&mut FenceCallbackRegistration<Complete>>,
    fence: &Fence,
    done: Complete,
) {
    let _ = registration.register(fence, done);
    #[cfg(fault = "callback_used_while_registered")]
    done.0.complete_all(); //~ E0382 borrow of moved value: `done`
}

/// What a cancelled registration gives back is given back once.
fn given_back(cancelled: Cancelled<Complete>) {
    drop(cancelled);
    #[cfg(fault = "cancelled_twice")]
    drop(cancelled); //~ E0382 use of moved value: `cancelled`
}

/// A callback that was not registered is given back once.
fn rejected(error: CallbackError<Complete>) {
    let _first = callback_of(error);
    #[cfg(fault = "rejected_twice")]
    let _second = callback_of(error); //~ E0382 use of moved value: `error`
}

fn callback_of<T>(error: CallbackError<T>) -> T {
    match error {
        CallbackError::AlreadySignaled(callback)
        | CallbackError::Busy(callback)
        | CallbackError::Nested(callback) => callback,
    }
}

struct Item;

impl Delegate for Item {
    fn run(&self, _section: &SignallingSection<'_>) {}
}

impl Cleanup for Item {
    fn run(&self) {}
}

/// A callback queues what runs in a section, and no cleanup.
#[cfg(fault = "cleanup_in_callback")]
type Queued = CleanupWork<Item>;
#[cfg(not(fault = "cleanup_in_callback"))]
type Queued = SignallingWork<Item>;

fn queues(work: &Queued) -> QueueWork {
    let _ = CleanupWork::<Item>::flush;
    QueueWork(work.to_ref()) //~ E0599 no method named `to_ref` found
}
