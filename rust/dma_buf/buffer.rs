// SPDX-License-Identifier: GPL-2.0

//! dma-bufs: buffers shared between drivers.
//!
//! C header: [`include/linux/dma-buf.h`](srctree/include/linux/dma-buf.h)

use crate::{
    bindings,
    resv::{
        HasResv,
        Resv, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

/// A buffer that a driver has exported. This crate uses its [reservation object](crate::resv).
///
/// References are kept as [`ARef<DmaBuf>`] (`get_dma_buf()`, `dma_buf_put()`). The last one may be
/// dropped in any context.
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     resv::{ResvGuard, ResvUsage},
///     DmaBuf, Fence,
/// };
/// use kernel::prelude::*;
///
/// /// Adds a job's fence to a buffer, so that its other users wait for the job.
/// fn attach(fd: i32, job: &Fence) -> Result {
///     let buffer = DmaBuf::from_fd(fd)?;
///     let job = job.to_unwrapped()?;
///
///     let mut guard = ResvGuard::lock_interruptible(buffer)?;
///     guard.add_leaves(&job, ResvUsage::Write)
/// }
/// assert_eq!(attach(-1, &Fence::stub()), Err(EBADF));
/// ```
///
/// # Invariants
///
/// `inner` is a `dma_buf`. Its file has a reference for as long as a `&DmaBuf` to it exists.
#[repr(transparent)]
pub struct DmaBuf {
    inner: Opaque<bindings::dma_buf>,
}

// SAFETY: A dma_buf may be used, and its last reference dropped, on any CPU.
unsafe impl Send for DmaBuf {}
// SAFETY: The C functions do their own locking.
unsafe impl Sync for DmaBuf {}

// SAFETY: A dma_buf is reference counted by its file.
unsafe impl AlwaysRefCounted for DmaBuf {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: By the type invariant the file has a reference.
        unsafe { bindings::dma_buf_rs_get_dma_buf(self.as_raw()) }
    }

    // Not inlined: only this module imports the namespace of the symbol.
    #[inline(never)]
    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: By the function's contract the caller gives up a reference.
        unsafe { bindings::dma_buf_put(obj.as_ptr().cast()) }
    }
}

/// Context: any, unless a function says otherwise.
impl DmaBuf {
    /// Returns the buffer of a file descriptor of the current process. Fails with `EBADF` if the
    /// descriptor is not open, and with `EINVAL` if it is not one of a dma-buf.
    ///
    /// Context: process.
    ///
    /// C function: `dma_buf_get()`
    #[inline(never)]
    pub fn from_fd(fd: i32) -> Result<ARef<DmaBuf>> {
        // SAFETY: `fd` may be any number.
        let buffer = from_err_ptr(unsafe { bindings::dma_buf_get(fd) })?;

        // SAFETY: The function took a reference for the caller.
        unsafe { Ok(ARef::from_raw(NonNull::new_unchecked(buffer.cast()))) }
    }

    /// Returns a pointer to the C object.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::dma_buf {
        self.inner.get()
    }

    /// Borrows a C object.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` points to a dma_buf, and there is a reference to it.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::dma_buf) -> &'a DmaBuf {
        // SAFETY: By the function's contract. A `DmaBuf` is laid out as a `dma_buf`.
        unsafe { &*ptr.cast() }
    }
}

impl HasResv for DmaBuf {
    #[inline]
    fn resv(&self) -> &Resv {
        // SAFETY: `resv` is set before a buffer is exported, does not change, and is valid for as
        // long as the buffer.
        unsafe { Resv::from_raw((*self.as_raw()).resv) }
    }
}
