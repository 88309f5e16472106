// SPDX-License-Identifier: GPL-2.0

//! Fences by pointer: references, and the signal of those that are ours.

use crate::bindings;

/// Takes a reference.
///
/// C function: `dma_fence_get()`
///
/// # Safety
///
/// `fence` is valid, and has a reference.
#[inline]
pub(crate) unsafe fn get(fence: *mut bindings::dma_fence) {
    // SAFETY: By the function's contract.
    unsafe { bindings::refcount_inc(&raw mut (*fence).refcount.refcount) }
}

/// Drops a reference.
///
/// Context: any.
///
/// C function: `dma_fence_put()`
///
/// # Safety
///
/// `fence` is valid; the caller owns a reference and gives it up.
#[inline]
pub(crate) unsafe fn put(fence: *mut bindings::dma_fence) {
    // SAFETY: By the function's contract.
    unsafe {
        if bindings::refcount_dec_and_test(&raw mut (*fence).refcount.refcount) {
            bindings::dma_fence_release(&raw mut (*fence).refcount);
        }
    }
}

/// Drops two references.
///
/// # Safety
///
/// As for [`put`], but the caller owns and gives up two.
#[inline]
pub(crate) unsafe fn put_two(fence: *mut bindings::dma_fence) {
    // SAFETY: By the function's contract.
    unsafe { bindings::dma_buf_rs_dma_fence_put_many(fence, 2) }
}

/// Signals a fence of ours that has just been initialised, and that nobody has got yet.
///
/// It takes the fence's lock without waiting, so lockdep records no order between that and the
/// locks that are held.
///
/// # Safety
///
/// As for [`signal_own`], and nobody has got the fence.
pub(crate) unsafe fn signal_unknown(fence: *mut bindings::dma_fence, error: i32) {
    // SAFETY: The lock is inside the fence, which is valid.
    unsafe {
        let lock = (&raw mut (*fence).__bindgen_anon_1).cast::<bindings::spinlock_t>();

        // Nobody can hold it, by the function's contract.
        if bindings::spin_trylock(lock) != 0 {
            (*fence).error = error;
            bindings::dma_fence_signal_timestamp_locked(fence, bindings::ktime_get());
            bindings::spin_unlock(lock);
        }
    }
}

/// Signals a fence of ours.
///
/// C functions: `dma_fence_set_error()`, `dma_fence_signal_timestamp_locked()`
///
/// # Safety
///
/// - `fence` is valid, has its lock inside, has not signalled, and nobody else
///   signals it.
/// - `error` is 0 or an error code.
/// - Interrupts are off, unless a lock such as the fence's sleeps (`PREEMPT_RT`).
#[inline]
pub(crate) unsafe fn signal_own(fence: *mut bindings::dma_fence, error: i32, timestamp: i64) {
    // SAFETY: The lock is inside the fence, which is valid.
    unsafe {
        let lock = (&raw mut (*fence).__bindgen_anon_1).cast::<bindings::spinlock_t>();

        bindings::spin_lock(lock);
        (*fence).error = error;
        bindings::dma_fence_signal_timestamp_locked(fence, timestamp);
        bindings::spin_unlock(lock);
    }
}
