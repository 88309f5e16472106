// SPDX-License-Identifier: GPL-2.0

//! Shrinkers and MMU notifiers, which are C (selftests/reclaim), with bodies in Rust.

use kernel::{
    ffi::c_void,
    prelude::*,
    task::Task, //
};

use core::ptr::NonNull;

mod bindings {
    #![allow(
        clashing_extern_declarations,
        clippy::undocumented_unsafe_blocks,
        missing_docs,
        non_camel_case_types,
        unreachable_pub,
        dead_code,
        reason = "bindgen makes it"
    )]

    use kernel::{
        bindings::*,
        ffi, //
    };

    include!(env!("CRATE_BINDINGS"));
}

/// Returns `true` if the current task frees memory for others to use.
pub(crate) fn frees() -> bool {
    // SAFETY: The current task is valid, and changes its flags itself.
    unsafe { (*Task::current_raw()).flags & kernel::bindings::PF_MEMALLOC != 0 }
}

/// # Safety
///
/// `data` points to an `F`.
unsafe extern "C" fn call<F: Fn() + Sync>(data: *mut c_void) {
    // SAFETY: By the function's contract.
    unsafe { (*data.cast::<F>())() }
}

/// # Safety
///
/// `data` points to an `F`.
unsafe extern "C" fn ask<F: Fn() -> bool>(data: *mut c_void) -> bool {
    // SAFETY: By the function's contract.
    unsafe { (*data.cast::<F>())() }
}

/// Runs `body` when the kernel reclaims memory, until this is dropped.
///
/// # Invariants
///
/// `raw` is a shrinker that calls the closure at `body`, which comes from a box.
pub(crate) struct Shrinker<F: Fn() + Send + Sync + 'static> {
    raw: NonNull<bindings::reclaim_shrinker>,
    body: NonNull<F>,
}

impl<F: Fn() + Send + Sync + 'static> Shrinker<F> {
    pub(crate) fn new(body: F) -> Result<Self> {
        let body = NonNull::from(KBox::leak(KBox::new(body, GFP_KERNEL)?));
        // SAFETY: The function takes a pointer to `F`, and the box stays until `raw` is gone.
        let raw =
            unsafe { bindings::reclaim_shrinker_create(Some(call::<F>), body.as_ptr().cast()) };
        let Some(raw) = NonNull::new(raw) else {
            // SAFETY: The pointer comes from a box, and nothing else uses it.
            drop(unsafe { KBox::from_raw(body.as_ptr()) });
            return Err(ENOMEM);
        };

        // INVARIANT: As just created.
        Ok(Self { raw, body })
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Shrinker<F> {
    /// After this, `body` does not run any more.
    fn drop(&mut self) {
        // SAFETY: By the type invariant. The box is freed last, when nothing calls it any more.
        unsafe {
            bindings::reclaim_shrinker_destroy(self.raw.as_ptr());
            drop(KBox::from_raw(self.body.as_ptr()));
        }
    }
}

/// Allocates memory until `enough` returns `true`, or there is no more.
pub(crate) fn press<F: Fn() -> bool>(enough: F) {
    // SAFETY: The function takes a pointer to `F`, and is not called after this returns.
    unsafe { bindings::reclaim_press(Some(ask::<F>), (&raw const enough).cast_mut().cast()) }
}

/// A page in the address space of the current test.
pub(crate) struct Page(usize);

impl Page {
    /// Maps and populates a page.
    pub(crate) fn map() -> Result<Self> {
        // SAFETY: The current task runs a test.
        match unsafe { bindings::reclaim_map() } {
            0 => Err(ENOMEM),
            addr => Ok(Self(addr)),
        }
    }

    pub(crate) fn unmap(self) {
        // SAFETY: It is mapped, in the test's own address space.
        unsafe { bindings::reclaim_unmap(self.0) }
    }
}

/// Runs `body` when memory is unmapped from the current test's address space, until this is dropped
/// by the same task.
///
/// # Invariants
///
/// `raw` is a notifier of the test's address space that calls the closure at `body`, which comes
/// from a box.
pub(crate) struct Notifier<F: Fn() + Send + Sync + 'static> {
    raw: NonNull<bindings::reclaim_notifier>,
    body: NonNull<F>,
}

impl<F: Fn() + Send + Sync + 'static> Notifier<F> {
    pub(crate) fn new(body: F) -> Result<Self> {
        let body = NonNull::from(KBox::leak(KBox::new(body, GFP_KERNEL)?));
        // SAFETY: The function takes a pointer to `F`, and the box stays until `raw` is gone.
        let raw =
            unsafe { bindings::reclaim_notifier_create(Some(call::<F>), body.as_ptr().cast()) };
        let Some(raw) = NonNull::new(raw) else {
            // SAFETY: The pointer comes from a box, and nothing else uses it.
            drop(unsafe { KBox::from_raw(body.as_ptr()) });
            return Err(ENOMEM);
        };

        // INVARIANT: As just created.
        Ok(Self { raw, body })
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Notifier<F> {
    /// After this, `body` does not run any more.
    fn drop(&mut self) {
        // SAFETY: By the type invariant. The box is freed last, when nothing calls it any more.
        unsafe {
            bindings::reclaim_notifier_destroy(self.raw.as_ptr());
            drop(KBox::from_raw(self.body.as_ptr()));
        }
    }
}
