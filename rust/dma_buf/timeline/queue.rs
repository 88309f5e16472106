// SPDX-License-Identifier: GPL-2.0

//! The pending fences of a timeline that numbers them: a queue.
//!
//! Adding takes the tail lock, and taking the head lock. Only where the last fence is taken while
//! another is being added does one wait for the other. Modelled in `queue.litmus`.

use super::{
    header::Header,
    Tail, //
};
use crate::lock::{
    lock,
    IrqsOff, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::sync::{
    atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    },
    SpinLockIrq, //
};

/// The next fence of a queue, or null.
pub(crate) type Next = Atomic<*mut Header>;

/// A queue of fences.
///
/// # Invariants
///
/// - From `first` on each fence leads to the next, and the last to null. `last` is the last fence,
///   or null. A fence that is being added is `last` before it can be reached.
/// - The fences in the queue are valid, and the queue owns a reference to each. While the head lock
///   is held, those at the front may have been signalled before they are taken all at once.
pub(super) struct Queue {
    first: Next,
    last: Next,
}

impl Queue {
    pub(super) const fn new() -> Self {
        // INVARIANT: There is none.
        Self {
            first: Atomic::new(ptr::null_mut()),
            last: Atomic::new(ptr::null_mut()),
        }
    }

    /// Adds a fence, whose reference becomes the queue's.
    ///
    /// # Safety
    ///
    /// The tail lock is held. The fence is valid, and its link is not in use.
    #[inline]
    pub(super) unsafe fn push(&self, header: NonNull<Header>) {
        // SAFETY: By the function's contract.
        unsafe { Header::set_next(header) };
        let before = self.last.xchg(header.as_ptr(), Full);

        // INVARIANT: Now it can be reached. `take_last` waits for that before it takes the fence
        // that was the last.
        match NonNull::new(before) {
            None => self.first.store(header.as_ptr(), Release),
            // SAFETY: By the type invariants.
            Some(before) => unsafe { Header::next(before) }.store(header.as_ptr(), Release),
        }
    }

    /// The first fence.
    ///
    /// It stays in the queue for as long as the head lock is held.
    #[inline]
    pub(super) fn first(&self) -> Option<NonNull<Header>> {
        NonNull::new(self.first.load(Acquire))
    }

    /// Takes the first fence; its reference becomes the caller's.
    ///
    /// # Safety
    ///
    /// The head lock is held, and `tail` is the tail lock. `header` is the first fence.
    #[inline]
    pub(super) unsafe fn take(
        &self,
        header: NonNull<Header>,
        tail: &SpinLockIrq<Tail>,
        irqs: &IrqsOff,
    ) {
        // SAFETY: By the function's contract.
        unsafe {
            match Self::after(header) {
                Some(next) => self.take_before(next),
                None => self.take_last(header, tail, irqs),
            }
        }
    }

    /// Takes all fences before this one.
    ///
    /// # Safety
    ///
    /// The head lock is held, and this fence is in the queue.
    #[inline]
    pub(super) unsafe fn take_before(&self, next: NonNull<Header>) {
        self.first.store(next.as_ptr(), Relaxed);
    }

    /// Takes a fence behind which nothing was when [`Self::after`] looked, and all before it.
    ///
    /// # Safety
    ///
    /// The head lock is held, and `tail` is the tail lock. `header` is in the queue.
    #[inline]
    pub(super) unsafe fn take_last(
        &self,
        header: NonNull<Header>,
        tail: &SpinLockIrq<Tail>,
        irqs: &IrqsOff,
    ) {
        self.first.store(ptr::null_mut(), Relaxed);
        if self
            .last
            .cmpxchg(header.as_ptr(), ptr::null_mut(), Full)
            .is_ok()
        {
            return;
        }
        // Another fence is being added behind it, with the tail lock held.
        drop(lock(tail, irqs));
        // SAFETY: By the function's contract and the type invariants.
        if let Some(next) = unsafe { Self::after(header) } {
            self.first.store(next.as_ptr(), Relaxed);
        }
    }

    /// The fence behind this one.
    ///
    /// # Safety
    ///
    /// The head lock is held, and the fence is in the queue.
    #[inline]
    pub(super) unsafe fn after(header: NonNull<Header>) -> Option<NonNull<Header>> {
        // SAFETY: By the function's contract and the type invariants.
        NonNull::new(unsafe { Header::next(header) }.load(Acquire))
    }
}
