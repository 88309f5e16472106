// SPDX-License-Identifier: GPL-2.0

//! Memory for boxes and vectors, from C's `kmalloc()`.
//!
//! The kernel crate allocates by `krealloc()`, which checks at run time what `kmalloc()` knows:
//! that there is no memory yet, and which cache to take. With it, a fence's life takes 562
//! instructions instead of 490, where C takes 470 (`make bench`). It is the same memory, which
//! boxes and vectors can own.

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    alloc::Flags,
    prelude::*, //
};

/// Allocates memory for a box.
///
/// The kernel crate does not export the value of flags, so only two of them take the short way.
#[inline]
pub(crate) fn kmalloc<T>(flags: Flags) -> Result<NonNull<T>> {
    let raw = if flags == GFP_KERNEL {
        bindings::GFP_KERNEL
    } else if flags == GFP_ATOMIC {
        bindings::GFP_ATOMIC
    } else {
        let memory = KBox::<T>::new_uninit(flags)?;

        return NonNull::new(KBox::into_raw(memory).cast()).ok_or(ENOMEM);
    };

    // SAFETY: The size may be any. The context is right for the flags, by the caller's choice.
    let memory = unsafe { bindings::dma_buf_rs_kmalloc(size_of::<T>(), raw) };

    // It has the size of `T`, and is aligned to the greatest power of two that divides that size,
    // as `T` needs. Boxes come from `kmalloc()`, too.
    NonNull::new(memory.cast()).ok_or(ENOMEM)
}

/// Allocates a vector with room for exactly this many pointers.
///
/// Context: process; may sleep.
#[inline]
pub(crate) fn alloc_pointers<T>(capacity: usize) -> Result<KVec<T>> {
    const { assert!(size_of::<T>() == size_of::<*const ()>()) };

    if capacity == 0 {
        return Ok(KVec::new());
    }
    // SAFETY: The number may be any.
    let memory = unsafe { bindings::dma_buf_rs_kmalloc_pointers(capacity) };
    let memory = NonNull::<T>::new(memory.cast()).ok_or(ENOMEM)?;

    // SAFETY: The memory was just allocated, by the function that a vector's allocator uses. It is
    // large enough, and aligned as pointers are.
    Ok(unsafe { KVec::from_raw_parts(memory.as_ptr(), 0, capacity) })
}
