// SPDX-License-Identifier: GPL-2.0

//! Callbacks that are counted: when they are made, called, and dropped.

use super::books::{
    Token,
    CALLBACKS,
    CALLS,
    CANCELLED,
    CANCELLED_BUT_CALLED,
    REFUSED,
    TWICE, //
};
use crate::prelude::*;

/// What a callback does when its fence signals.
///
/// # Safety
///
/// [`Self::see`] is called by [`FenceCallback::called`], and keeps that trait's rules.
pub(crate) unsafe trait See: Send + Sync + 'static {
    fn see(&self, fence: &Fence);
}

// SAFETY: It does nothing.
unsafe impl See for () {
    fn see(&self, _fence: &Fence) {}
}

/// A counted callback.
pub(crate) struct Counted<T> {
    pub(crate) inner: T,
    calls: Atomic<u32>,
    is_called: Arc<Atomic<bool>>,
    _token: Token,
}

impl<T> Counted<T> {
    fn new(inner: T, is_called: Arc<Atomic<bool>>) -> Self {
        Self {
            inner,
            calls: Atomic::new(0),
            is_called,
            _token: Token::new(&CALLBACKS),
        }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Relaxed)
    }
}

// SAFETY: It adds to numbers, and keeps the rules by the contract of `See`. All registrations are
// dropped before the test ends.
unsafe impl<T: See> FenceCallback for Counted<T> {
    fn called(&self, fence: &Fence) {
        self.calls.add(1, Relaxed);
        self.is_called.store(true, Relaxed);
        CALLS.make();
        self.inner.see(fence);
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        for _ in 0..self.calls() {
            CALLS.take_back();
        }
        if self.calls() > 1 {
            TWICE.add();
        }
    }
}

/// A registration of such a callback, which is used again and again.
pub(crate) struct Registration<T: See> {
    inner: Pin<KBox<FenceCallbackRegistration<Counted<T>>>>,
    /// The last callback was called.
    is_called: Arc<Atomic<bool>>,
}

impl<T: See> Registration<T> {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            inner: registration()?,
            is_called: Arc::new(Atomic::new(false), GFP_KERNEL)?,
        })
    }

    /// Registers a callback, after the last one was taken back. Returns it if the fence has
    /// signalled.
    pub(crate) fn register(&mut self, fence: &Fence, inner: T) -> Result<Option<Counted<T>>> {
        self.take_back();
        self.is_called.store(false, Relaxed);

        let callback = Counted::new(inner, self.is_called.clone());

        match self.inner.as_mut().register(fence, callback) {
            Ok(()) => Ok(None),
            Err(CallbackError::AlreadySignaled(callback)) => {
                REFUSED.add();
                Ok(Some(callback))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the callback back, called or not.
    pub(crate) fn take_back(&mut self) -> Option<Counted<T>> {
        let (callback, expected) = match self.inner.as_mut().cancel()? {
            Cancelled::Cancelled(callback) => {
                CANCELLED.add();
                (callback, 0)
            }
            Cancelled::Called(callback) => (callback, 1),
        };

        if callback.calls() != expected {
            CANCELLED_BUT_CALLED.add();
        }
        Some(callback)
    }

    pub(crate) fn is_called(&self) -> bool {
        self.is_called.load(Relaxed)
    }
}
