// SPDX-License-Identifier: GPL-2.0

//! Signalling sections: code that must run for a fence to signal.
//!
//! Whoever waits for a fence may hold a reservation lock, sit in a shrinker or
//! in an mmu notifier. So whatever a fence's completion depends on must neither
//! lock a reservation object, nor allocate with `GFP_KERNEL`, nor touch user
//! memory. Such code is put in a section, and lockdep then reports what it may
//! not do, on a kernel with `CONFIG_PROVE_LOCKING`; on any other a section costs
//! nothing.
//!
//! A section is a closure, so it ends where it began, in order, on the same
//! thread: it can be neither forgotten nor kept.
//!
//! C functions: `dma_fence_begin_signalling()`, `dma_fence_end_signalling()`

#[cfg(CONFIG_LOCKDEP)]
use crate::bindings;
use core::marker::PhantomData;
use kernel::types::NotThreadSafe;

/// Proof that the current code runs in a signalling section.
///
/// Handed to the closure of [`signalling`] and to the bodies of the work types
/// whose job is to signal; not `Send`, and it cannot outlive the section.
///
/// # Examples
///
/// ```
/// use dma_buf::{signalling, Section};
///
/// /// Part of what completes a job: called in a section only.
/// fn retire(_section: &Section<'_>) -> u32 {
///     1
/// }
///
/// assert_eq!(signalling(retire), 1);
/// ```
pub struct Section<'a> {
    _scope: PhantomData<&'a ()>,
    _not_send: NotThreadSafe,
}

/// Runs `f` in a signalling section.
///
/// Sections nest. Context: any; in atomic context the annotation is void, as
/// the core relies on the rules of that context there.
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
pub fn signalling<R>(f: impl FnOnce(&Section<'_>) -> R) -> R {
    let _annotation = Annotation::begin();

    f(&Section {
        _scope: PhantomData,
        _not_send: NotThreadSafe,
    })
}

/// Reports a wait for a fence inside a section that does not say why it cannot
/// deadlock: once, or, where C helpers are inlined into Rust, once for each module
/// that waits so.
///
/// Lockdep does not: it drops the section for the time of a wait, for the sake
/// of schedulers. On a kernel without lockdep nobody knows of sections.
#[inline]
pub(crate) fn report_wait() {
    #[cfg(CONFIG_LOCKDEP)]
    // SAFETY: Any context.
    unsafe {
        bindings::dma_buf_rs_report_wait_in_section()
    }
}

/// The annotation itself, for code of this crate that does not pass a token on.
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
