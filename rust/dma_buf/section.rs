// SPDX-License-Identifier: GPL-2.0

//! Signalling sections: code that must run for a fence to signal.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

#[cfg(CONFIG_LOCKDEP)]
use crate::bindings;
use core::marker::PhantomData;
use kernel::types::NotThreadSafe;

/// Proof that the current code runs in a signalling section.
///
/// The closure of [`signalling`] and the bodies of [delegates](crate::delegate) get one. It is not
/// `Send` and cannot outlive the section.
///
/// # Examples
///
/// ```
/// use dma_buf::{signalling, SignallingSection};
///
/// /// Completes a part of a job. Must be called in a section.
/// fn retire(_section: &SignallingSection<'_>) -> u32 {
///     1
/// }
///
/// assert_eq!(signalling(retire), 1);
/// ```
pub struct SignallingSection<'a> {
    _scope: PhantomData<&'a ()>,
    _not_send: NotThreadSafe,
}

/// Runs `f` in a signalling section: code that must run for a fence to signal.
///
/// A task that waits for a fence may hold the lock of a reservation object, or may be in a shrinker
/// or an MMU notifier. So code that a fence's signal depends on must not lock a reservation object,
/// allocate with `GFP_KERNEL` or touch user memory. Lockdep reports this in a section, on kernels
/// with `CONFIG_PROVE_LOCKING`. On kernels without lockdep a section costs nothing.
///
/// A section is a closure, so it ends on the thread where it began and cannot be leaked. That of a
/// submission is opened by [`JobQueue::publish`](crate::job_queue::JobQueue::publish). Sections
/// nest. In atomic context a section is not tracked, as that context's own rules are stricter.
///
/// Context: any.
///
/// C functions: `dma_fence_begin_signalling()`, `dma_fence_end_signalling()`
///
/// See [`SignallingSection`] for an example.
#[inline]
pub fn signalling<R>(f: impl FnOnce(&SignallingSection<'_>) -> R) -> R {
    let _annotation = Annotation::begin();

    f(&SignallingSection {
        _scope: PhantomData,
        _not_send: NotThreadSafe,
    })
}

/// Reports, once, a wait inside a section that the caller does not allow. Lockdep does not: the
/// core leaves the section for the time of a wait, as a scheduler may wait for earlier fences.
#[inline]
pub(crate) fn report_wait() {
    #[cfg(CONFIG_LOCKDEP)]
    // SAFETY: The function may be called in any context.
    unsafe {
        bindings::dma_buf_rs_report_wait_in_section()
    }
}

/// The annotation of a section, from its creation to its drop.
///
/// If annotations nest, the first one is the lock that lockdep sees, and the others do nothing. A
/// [`PublishedJob`](crate::job_queue::PublishedJob) has one, so they may end in any order: lockdep
/// lets locks be released in any order, and the section ends when the first one does.
pub(crate) struct Annotation {
    #[cfg(CONFIG_LOCKDEP)]
    cookie: bool,
    _not_send: NotThreadSafe,
}

impl Annotation {
    #[inline]
    pub(crate) fn begin() -> Self {
        Self {
            // SAFETY: The function may be called in any context. The cookie goes to the matching
            // `dma_fence_end_signalling()` in `drop`.
            #[cfg(CONFIG_LOCKDEP)]
            cookie: unsafe { bindings::dma_fence_begin_signalling() },
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for Annotation {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `cookie` is from `dma_fence_begin_signalling()` on this thread, as an annotation
        // is not `Send`. The cookie tells if this annotation took the lock, which nothing else
        // releases.
        #[cfg(CONFIG_LOCKDEP)]
        unsafe {
            bindings::dma_fence_end_signalling(self.cookie)
        };
    }
}
