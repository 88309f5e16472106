// SPDX-License-Identifier: GPL-2.0

//! The foreign driver, selftests/containers, which is another module and in C.

use dma_buf::Fence;
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

use core::ptr::{
    self,
    NonNull, //
};

mod bindings {
    #![allow(
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

pub(crate) use bindings::foreign_shape as Shape;

/// A device of the foreign driver.
///
/// # Invariants
///
/// The pointer is to a device with a reference that is ours.
pub(crate) struct Device(NonNull<bindings::foreign_device>);

// SAFETY: The device has a lock.
unsafe impl Send for Device {}
// SAFETY: As above.
unsafe impl Sync for Device {}

impl Device {
    /// One with so many rings, which take turns.
    pub(crate) fn new(rings: u32) -> Result<Self> {
        // SAFETY: No preconditions.
        let device = unsafe { bindings::foreign_create(rings) };

        Ok(Self(NonNull::new(device).ok_or(ENOMEM)?))
    }

    /// Makes the name operations of its fences return NULL.
    pub(crate) fn forget_names(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::foreign_forget_names(self.0.as_ptr()) }
    }

    /// The fence of another job.
    pub(crate) fn submit(&self) -> Result<ARef<Fence>> {
        // SAFETY: By the type invariant; the reference is ours.
        unsafe { owned(bindings::foreign_submit(self.0.as_ptr())) }
    }

    /// New jobs, and what the driver nests their fences in.
    pub(crate) fn nest(&self, shape: Shape, n: u32) -> Result<ARef<Fence>> {
        // SAFETY: By the type invariant; the reference is ours.
        unsafe { owned(bindings::foreign_nest(self.0.as_ptr(), shape, n)) }
    }

    /// How many jobs there have been.
    pub(crate) fn last(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { bindings::foreign_last(self.0.as_ptr()) }
    }

    /// Completes jobs up to this one.
    pub(crate) fn signal_up_to(&self, number: u64, result: Result) {
        let error = result.map_or_else(|error| error.to_errno(), |()| 0);

        // SAFETY: By the type invariant.
        unsafe { bindings::foreign_signal_up_to(self.0.as_ptr(), number, error) };
    }
}

impl Drop for Device {
    /// Completes what is pending.
    fn drop(&mut self) {
        self.signal_up_to(u64::MAX, Ok(()));
        // SAFETY: By the type invariant; it is not used any more.
        unsafe { bindings::foreign_put(self.0.as_ptr()) };
    }
}

/// What the foreign driver makes of these: an array, whatever they are.
pub(crate) fn array<const N: usize>(members: [ARef<Fence>; N]) -> Result<ARef<Fence>> {
    array_of(0, members)
}

/// [`array`], which has this context number.
pub(crate) fn array_of<const N: usize>(
    context: u64,
    members: [ARef<Fence>; N],
) -> Result<ARef<Fence>> {
    let mut members = members.map(|fence| ARef::into_raw(fence).as_ptr().cast());

    // SAFETY: The references go to the callee, and that to the array is ours.
    unsafe {
        owned(bindings::foreign_array(
            members.as_mut_ptr(),
            N as u32,
            context,
        ))
    }
}

/// What the foreign driver makes of these: a link with `fence` in it, whatever that
/// is.
pub(crate) fn link(
    prev: Option<ARef<Fence>>,
    fence: ARef<Fence>,
    point: u64,
) -> Result<ARef<Fence>> {
    let prev = prev.map_or(ptr::null_mut(), |prev| ARef::into_raw(prev).as_ptr().cast());
    let fence = ARef::into_raw(fence).as_ptr().cast();

    // SAFETY: The references go to the callee, and that to the link is ours.
    unsafe { owned(bindings::foreign_link(prev, fence, point)) }
}

/// How many fences of all foreign devices exist.
pub(crate) fn alive() -> usize {
    // SAFETY: No preconditions.
    unsafe { bindings::foreign_alive() as usize }
}

/// How often the driver has been asked whether a fence has signalled.
pub(crate) fn asked() -> usize {
    // SAFETY: No preconditions.
    unsafe { bindings::foreign_asked() as usize }
}

/// # Safety
///
/// `fence` is null, or a fence to which the caller owns a reference and gives it
/// up.
unsafe fn owned(fence: *mut kernel::bindings::dma_fence) -> Result<ARef<Fence>> {
    let fence = NonNull::new(fence).ok_or(ENOMEM)?;

    // SAFETY: By the function's contract.
    Ok(unsafe { Fence::from_raw_owned(fence) })
}
