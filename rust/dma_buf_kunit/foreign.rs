// SPDX-License-Identifier: GPL-2.0

//! Fences as a driver in C makes them.

use core::ptr::NonNull;
use dma_buf::Fence;
use kernel::{
    bindings,
    prelude::*,
    str::CStrExt,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        }, //
    }, //
};

/// The names of a foreign fence.
///
/// # Safety
///
/// None: it does not use what it is given.
unsafe extern "C" fn foreign_name(_fence: *mut bindings::dma_fence) -> *const kernel::ffi::c_char {
    c"foreign".as_char_ptr()
}

/// The wait of a foreign fence, which gives up.
///
/// # Safety
///
/// As for [`foreign_name`].
unsafe extern "C" fn foreign_wait(_: *mut bindings::dma_fence, _: bool, _: isize) -> isize {
    EDEADLK.to_errno() as isize
}

/// The wait of another, which takes all for done.
///
/// # Safety
///
/// As for [`foreign_name`].
unsafe extern "C" fn foreign_hasty_wait(_: *mut bindings::dma_fence, _: bool, _: isize) -> isize {
    1
}

/// How many jiffies foreign fences have waited, all of [`foreign_late`] together.
static WAITED: Atomic<usize> = Atomic::new(0);

/// The wait of a foreign fence, which gives up when the time is over.
///
/// # Safety
///
/// A wait of a `dma_fence`: the time is not negative.
unsafe extern "C" fn foreign_wait_late(
    _: *mut bindings::dma_fence,
    _: bool,
    timeout: isize,
) -> isize {
    WAITED.add(timeout as usize, Relaxed);
    // SAFETY: Process context, as this is a wait.
    unsafe { bindings::schedule_timeout_uninterruptible(timeout) };
    EDEADLK.to_errno() as isize
}

const FOREIGN_OPS: bindings::dma_fence_ops = bindings::dma_fence_ops {
    get_driver_name: Some(foreign_name),
    get_timeline_name: Some(foreign_name),
    enable_signaling: None,
    signaled: None,
    wait: None,
    release: None,
    set_deadline: None,
};

static FOREIGN: ForeignOps = ForeignOps(FOREIGN_OPS);
static FOREIGN_WAITING: ForeignOps = ForeignOps(bindings::dma_fence_ops {
    wait: Some(foreign_wait),
    ..FOREIGN_OPS
});
static FOREIGN_HASTY: ForeignOps = ForeignOps(bindings::dma_fence_ops {
    wait: Some(foreign_hasty_wait),
    ..FOREIGN_OPS
});
static FOREIGN_LATE: ForeignOps = ForeignOps(bindings::dma_fence_ops {
    wait: Some(foreign_wait_late),
    ..FOREIGN_OPS
});

struct ForeignOps(bindings::dma_fence_ops);

// SAFETY: Never written.
unsafe impl Sync for ForeignOps {}

/// A fence as a driver in C makes them, with a number of 32 bits, and what
/// signals it.
fn foreign_with(
    ops: &'static ForeignOps,
    context: u64,
    seqno: u64,
) -> Result<(ARef<Fence>, impl FnOnce())> {
    let memory = KBox::<bindings::dma_fence>::new_uninit(GFP_KERNEL)?;
    let fence = KBox::into_raw(memory).cast::<bindings::dma_fence>();

    // SAFETY: The memory is from kmalloc, as the core frees it, and nobody else
    // uses it. The operations are static. Our reference goes to the result.
    let fence = unsafe {
        bindings::dma_fence_init(fence, &ops.0, core::ptr::null_mut(), context, seqno);
        Fence::from_raw_owned(NonNull::new_unchecked(fence))
    };
    let signal = fence.clone();
    // SAFETY: The fence is valid, as there is a reference.
    Ok((fence, move || unsafe {
        bindings::dma_fence_signal(signal.as_raw())
    }))
}

/// [`foreign_with`] the least that a driver can do.
pub(crate) fn foreign(context: u64, seqno: u64) -> Result<(ARef<Fence>, impl FnOnce())> {
    foreign_with(&FOREIGN, context, seqno)
}

/// A foreign fence that waits in its own way, and gives up with `EDEADLK`.
pub(crate) fn foreign_waiting() -> Result<(ARef<Fence>, impl FnOnce())> {
    foreign_with(&FOREIGN_WAITING, 0, 0)
}

/// A foreign fence whose wait ends at once, with one jiffy left of whatever there was.
pub(crate) fn foreign_hasty() -> Result<(ARef<Fence>, impl FnOnce())> {
    foreign_with(&FOREIGN_HASTY, 0, 0)
}

/// A foreign fence that waits in its own way, and gives up when the time is over.
pub(crate) fn foreign_late() -> Result<(ARef<Fence>, impl FnOnce())> {
    foreign_with(&FOREIGN_LATE, 0, 0)
}

/// How many jiffies those have waited, all together.
pub(crate) fn waited() -> usize {
    WAITED.load(Relaxed)
}
