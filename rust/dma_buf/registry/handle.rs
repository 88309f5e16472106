// SPDX-License-Identifier: GPL-2.0

//! The handle that owns a registered object.

use super::{
    Entry,
    EntryOps, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// An object that a [`Handle`] can own.
///
/// # Safety
///
/// The object starts with its [`Entry`], which was made with
/// [`Handle::ENTRY_OPS`] of its type.
pub(crate) unsafe trait Registered: Send + Sync + Sized + 'static {
    /// See [`EntryOps::stop`].
    fn stop(&self) {}

    /// See [`EntryOps::quiesce`].
    fn quiesce(&self);

    /// See [`EntryOps::is_busy`].
    fn is_busy(&self) -> bool;
}

/// An object on the heap, registered, that is freed a grace period after its last
/// reference, of which this owns one.
///
/// # Invariants
///
/// `object` is valid, pinned and registered, and this owns a reference to its
/// entry.
pub(crate) struct Handle<T: Registered> {
    object: NonNull<T>,
    _owns: PhantomData<T>,
}

// SAFETY: The object is `Send` and `Sync`, and its entry may be put anywhere.
unsafe impl<T: Registered> Send for Handle<T> {}
// SAFETY: As above.
unsafe impl<T: Registered> Sync for Handle<T> {}

// A handle is a pointer; what it points to stays where it is.
impl<T: Registered> Unpin for Handle<T> {}

impl<T: Registered> Handle<T> {
    /// The operations of an object's entry: by where these lie, the object belongs
    /// to the module that puts the type to use.
    pub(crate) const ENTRY_OPS: &'static EntryOps = &EntryOps {
        stop: Self::stop,
        quiesce: Self::quiesce,
        is_busy: Self::is_busy,
        free: Self::free,
    };

    /// Makes an object and registers it.
    ///
    /// Process context, may sleep.
    pub(crate) fn new(init: impl PinInit<T, Error>) -> Result<Self> {
        let object = KBox::try_pin_init(init, GFP_KERNEL)?;
        // SAFETY: The memory stays where it is until `free` frees it, and a box
        // is not null.
        let object =
            unsafe { NonNull::new_unchecked(KBox::into_raw(Pin::into_inner_unchecked(object))) };

        // SAFETY: The object starts with its entry, by the trait's contract, and
        // is pinned.
        unsafe { Entry::register(object.cast()) };
        // INVARIANT: Just made and registered; the entry's first reference.
        Ok(Self {
            object,
            _owns: PhantomData,
        })
    }

    /// The object.
    #[inline]
    pub(crate) fn get(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { self.object.as_ref() }
    }

    /// The object, to be kept by whoever takes a reference to its entry.
    #[inline]
    pub(crate) fn as_ptr(&self) -> NonNull<T> {
        self.object
    }

    /// [`EntryOps::stop`].
    ///
    /// # Safety
    ///
    /// `entry` starts a valid `T`.
    unsafe fn stop(entry: NonNull<Entry>) {
        // SAFETY: By the function's contract.
        unsafe { entry.cast::<T>().as_ref() }.stop()
    }

    /// [`EntryOps::quiesce`].
    ///
    /// # Safety
    ///
    /// As for [`Self::stop`].
    unsafe fn quiesce(entry: NonNull<Entry>) {
        // SAFETY: By the function's contract.
        unsafe { entry.cast::<T>().as_ref() }.quiesce()
    }

    /// [`EntryOps::is_busy`].
    ///
    /// # Safety
    ///
    /// As for [`Self::stop`].
    unsafe fn is_busy(entry: NonNull<Entry>) -> bool {
        // SAFETY: By the function's contract.
        unsafe { entry.cast::<T>().as_ref() }.is_busy()
    }

    /// [`EntryOps::free`].
    ///
    /// # Safety
    ///
    /// As for [`Self::stop`]; nobody uses the object any more.
    pub(crate) unsafe fn free(entry: NonNull<Entry>) {
        // SAFETY: It came from `KBox::into_raw` in `new`, and nobody uses it.
        drop(unsafe { KBox::from_raw(entry.cast::<T>().as_ptr()) });
    }
}

impl<T: Registered> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is ours.
        unsafe { Entry::put(self.object.cast()) };
    }
}
