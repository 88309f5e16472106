// SPDX-License-Identifier: GPL-2.0

//! Buffers shared between drivers.
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

/// A buffer that a driver has exported. It lends its reservation object.
///
/// Its file counts the references. The last one may be dropped in any context.
///
/// C functions: `get_dma_buf()`, `dma_buf_put()`
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
/// /// Makes the other users of a buffer wait for a job, by implicit synchronisation.
/// fn attach(fd: i32, job: &Fence) -> Result {
///     let buffer = DmaBuf::from_fd(fd)?;
///     let job = job.flatten()?;
///
///     let mut guard = ResvGuard::lock_interruptible(buffer)?;
///     guard.add_leaves(&job, ResvUsage::Write)
/// }
/// assert_eq!(attach(-1, &Fence::stub()), Err(EBADF));
/// ```
///
/// # Invariants
///
/// `inner` is a `dma_buf`. There is a reference to its file for as long as it is borrowed.
#[repr(transparent)]
pub struct DmaBuf {
    inner: Opaque<bindings::dma_buf>,
}

// SAFETY: A dma_buf may be used, and its last reference dropped, on any CPU.
unsafe impl Send for DmaBuf {}
// SAFETY: As above: the C API takes care of its own locking.
unsafe impl Sync for DmaBuf {}

// SAFETY: By the type invariant. A buffer is reference counted by its file.
unsafe impl AlwaysRefCounted for DmaBuf {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: A shared reference means that the file's count is not zero.
        unsafe { bindings::dma_buf_rs_get_dma_buf(self.as_raw()) }
    }

    // Not inlined: only this module imports the symbol's namespace.
    #[inline(never)]
    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { bindings::dma_buf_put(obj.as_ptr().cast()) }
    }
}

impl DmaBuf {
    /// Returns the buffer of a file descriptor of the current process.
    ///
    /// Context: process.
    ///
    /// Fails with `EBADF` if the descriptor is not open, and with `EINVAL` if it is not one of a
    /// dma-buf.
    ///
    /// C function: `dma_buf_get()`
    #[inline(never)]
    pub fn from_fd(fd: i32) -> Result<ARef<DmaBuf>> {
        // SAFETY: `fd` may be any number.
        let buffer = from_err_ptr(unsafe { bindings::dma_buf_get(fd) })?;

        // SAFETY: The callee took a reference for us.
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
        // SAFETY: By the function's contract; the layout is the same.
        unsafe { &*ptr.cast() }
    }
}

impl HasResv for DmaBuf {
    #[inline]
    fn resv(&self) -> &Resv {
        // SAFETY: `resv` is set before the buffer is published, and valid as long as the buffer.
        unsafe { Resv::from_raw((*self.as_raw()).resv) }
    }
}
