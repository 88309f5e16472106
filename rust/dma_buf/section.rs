// SPDX-License-Identifier: GPL-2.0

//! Signalling sections: code that must run for a fence to signal.
//!
//! A task that waits for a fence may hold a reservation lock, or may be in a shrinker or an
//! mmu notifier. So whatever a fence's completion depends on must neither lock a reservation
//! object, nor allocate with `GFP_KERNEL`, nor touch user memory. In a section, lockdep
//! reports such code, on a kernel with `CONFIG_PROVE_LOCKING`. On other kernels a section
//! costs nothing.
//!
//! A section is a closure. So it ends on the thread where it began, in order, and cannot be
//! forgotten.
//!
//! C functions: `dma_fence_begin_signalling()`, `dma_fence_end_signalling()`

#[cfg(CONFIG_LOCKDEP)]
use crate::bindings;
use core::marker::PhantomData;
use kernel::types::NotThreadSafe;

/// Proof that the current code runs in a signalling section.
///
/// The closure of [`signalling`] and the bodies of [delegates](crate::delegate) get one. It
/// is not `Send`, and it cannot outlive the section.
///
/// # Examples
///
/// ```
/// use dma_buf::{signalling, SignallingSection};
///
/// /// Part of what completes a job: called in a section only.
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

/// Runs `f` in a signalling section.
///
/// Sections nest. In atomic context the annotation does nothing: the core relies on the
/// rules of that context.
///
/// Context: any.
///
/// C functions: `dma_fence_begin_signalling()`, `dma_fence_end_signalling()`
///
/// # Examples
///
/// ```
/// use dma_buf::signalling;
///
/// let answer = signalling(|_section| 42);
/// assert_eq!(answer, 42);
/// ```
#[inline]
pub fn signalling<R>(f: impl FnOnce(&SignallingSection<'_>) -> R) -> R {
    let _annotation = Annotation::begin();

    f(&SignallingSection {
        _scope: PhantomData,
        _not_send: NotThreadSafe,
    })
}

/// Reports a wait for a fence inside a section, if the wait does not declare an order that
/// excludes a deadlock. Reports it once, or, if C helpers are inlined into Rust, once for
/// each module that waits.
///
/// Lockdep does not report it: the core drops the section for the time of a wait, for
/// schedulers. A kernel without lockdep does not track sections.
#[inline]
pub(crate) fn report_wait() {
    #[cfg(CONFIG_LOCKDEP)]
    // SAFETY: Any context.
    unsafe {
        bindings::dma_buf_rs_report_wait_in_section()
    }
}

/// The annotation of a section, for code of this crate that does not pass a token on.
pub(crate) struct Annotation {
    #[cfg(CONFIG_LOCKDEP)]
    cookie: bool,
    _not_send: NotThreadSafe,
}

impl Annotation {
    #[inline]
    pub(crate) fn begin() -> Self {
        Self {
            // SAFETY: Any context; the cookie goes to the matching end.
            #[cfg(CONFIG_LOCKDEP)]
            cookie: unsafe { bindings::dma_fence_begin_signalling() },
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for Annotation {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `cookie` came from the matching begin, on this thread, and
        // sections end in order as they are scopes.
        #[cfg(CONFIG_LOCKDEP)]
        unsafe {
            bindings::dma_fence_end_signalling(self.cookie)
        };
    }
}
