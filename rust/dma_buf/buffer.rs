// SPDX-License-Identifier: GPL-2.0

//! Buffers that are shared between drivers.
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

/// A buffer of any driver's, shared through a file.
///
/// What this crate does with it is to lend its reservation object. References are
/// counted by its file; the last one may be dropped in any context.
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
/// /// Has whoever uses the buffer, by implicit synchronisation, wait for a job.
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
/// It is a `dma_buf`, to whose file there is a reference as long as it can be seen
/// here.
#[repr(transparent)]
pub struct DmaBuf {
    inner: Opaque<bindings::dma_buf>,
}

// SAFETY: A dma_buf may be used, and its last reference dropped, on any CPU.
unsafe impl Send for DmaBuf {}
// SAFETY: As above: the C API takes care of its own locking.
unsafe impl Sync for DmaBuf {}

// SAFETY: By the type invariant it is reference counted, by its file.
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
    /// The buffer that a descriptor of the current process stands for.
    ///
    /// Process context. Fails with `EBADF` if the descriptor is not open, and with
    /// `EINVAL` if it is not that of a dma-buf.
    ///
    /// C function: `dma_buf_get()`
    #[inline(never)]
    pub fn from_fd(fd: i32) -> Result<ARef<DmaBuf>> {
        // SAFETY: Any number will do.
        let buffer = from_err_ptr(unsafe { bindings::dma_buf_get(fd) })?;

        // SAFETY: The callee took a reference for us.
        unsafe { Ok(ARef::from_raw(NonNull::new_unchecked(buffer.cast()))) }
    }

    /// The C side of the buffer.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::dma_buf {
        self.inner.get()
    }

    /// Borrows a buffer of the C side.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` points to a dma_buf with a reference.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::dma_buf) -> &'a DmaBuf {
        // SAFETY: By the function's contract, and the layout is the same.
        unsafe { &*ptr.cast() }
    }
}

impl HasResv for DmaBuf {
    #[inline]
    fn resv(&self) -> &Resv {
        // SAFETY: Set before the buffer could be seen, and valid as long as that is.
        unsafe { Resv::from_raw((*self.as_raw()).resv) }
    }
}
