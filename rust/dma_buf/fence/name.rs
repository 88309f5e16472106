// SPDX-License-Identifier: GPL-2.0

//! The names of a fence.

use super::Fence;
use crate::bindings;
use kernel::{
    ffi::c_char,
    fmt,
    prelude::*,
    seq_file::SeqFile,
    str::CStrExt,
    sync::rcu, //
};

/// What a name operation returned. The core's own users print it with `%s`, so drivers get
/// away with NULL.
///
/// # Safety
///
/// `name` is NULL, or a string that is valid and does not change for `'a`.
unsafe fn name_or_null<'a>(name: *const c_char) -> &'a CStr {
    if name.is_null() {
        return c"(null)";
    }
    // SAFETY: By the function's contract.
    unsafe { CStr::from_char_ptr(name) }
}

impl Fence {
    /// The name of the fence's driver; "detached-driver" once it has signalled, and
    /// "(null)" if the driver gives none.
    ///
    /// What it points to belongs to the driver, which may free it a grace period
    /// after the signal: hence the guard, which the name cannot outlive.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_driver_name()`
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::Fence;
    /// use kernel::sync::rcu;
    ///
    /// let fence = Fence::stub();
    /// let guard = rcu::read_lock();
    /// assert_eq!(fence.driver_name(&guard), c"detached-driver");
    /// ```
    pub fn driver_name<'a>(&'a self, _guard: &'a rcu::Guard) -> &'a CStr {
        // SAFETY: The fence is valid, and the guard shows that RCU is read-locked,
        // for as long as the name is borrowed. Until then a driver keeps its names as they
        // are: the core hands them to others in the same way.
        unsafe { name_or_null(bindings::dma_fence_driver_name(self.as_raw())) }
    }

    /// The name of the fence's timeline; "signaled-timeline" once it has
    /// signalled.
    ///
    /// Otherwise as [`Self::driver_name`].
    ///
    /// C function: `dma_fence_timeline_name()`
    pub fn timeline_name<'a>(&'a self, _guard: &'a rcu::Guard) -> &'a CStr {
        // SAFETY: As in `driver_name`.
        unsafe { name_or_null(bindings::dma_fence_timeline_name(self.as_raw())) }
    }

    /// Prints the fence into a file: a line with its numbers, its names and
    /// whether it has signalled, asking its driver as [`Self::is_signaled`] does, with
    /// the [same care](crate#containers) for containers of foreign drivers.
    ///
    /// Context: any, but never with a fence's lock held.
    ///
    /// C function: `dma_fence_describe()`
    pub fn describe(&self, seq: &SeqFile) {
        let seq = core::ptr::from_ref(seq).cast_mut().cast();

        // SAFETY: Both are valid; a `SeqFile` is laid out as a `seq_file`.
        unsafe { bindings::dma_fence_describe(self.as_raw(), seq) }
    }
}

/// What [`Fence::describe`] prints, without the end of the line, and without
/// asking the driver: fit for any context.
impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = rcu::read_lock();

        f.write_fmt(fmt!(
            "{}:{} {} {} {}signalled",
            self.context(),
            self.seqno(),
            self.timeline_name(&guard),
            self.driver_name(&guard),
            if self.test_signaled_flag() { "" } else { "un" },
        ))
    }
}
