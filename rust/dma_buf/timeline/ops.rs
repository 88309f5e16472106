// SPDX-License-Identifier: GPL-2.0

//! The operations by which a timeline uses the driver's types.

use super::{
    header::Header,
    Timeline, //
};
use crate::{
    bindings,
    registry::TrackedEntry, //
};
use core::{
    any::TypeId,
    ptr::NonNull, //
};
use kernel::ffi::c_char;

/// Asks the driver about a fence. Returns `None` if it is not complete, or else its result, 0 or an
/// error code.
///
/// To be called inside an RCU read-side section in which the fence was seen pending on
/// a timeline that is not closed.
pub(crate) type PollFn = unsafe fn(NonNull<Header>) -> Option<i32>;

/// The operations of a driver on a timeline's fences.
///
/// # Invariants
///
/// Operations of a fence that name [`Timeline::get_driver_name`] are the `fence` in one of these.
#[repr(C)]
pub(crate) struct TimelineOps {
    /// At the start, as [`Self::of_fence`] relies on it.
    pub(crate) fence: bindings::dma_fence_ops,
    /// Drops a fence's data; `None` if it needs no dropping.
    pub(crate) drop_data: bindings::rcu_callback_t,
    /// Asks the driver whether a fence is complete, and with what result, 0 or an
    /// error code; `None` if the driver cannot tell.
    pub(crate) poll: Option<PollFn>,
    /// Tells the driver that the timeout has completed fences: the sequence number up to which all
    /// have signalled, and how many have.
    ///
    /// Called by the timer's function, which [`Timeline::sync`] waits for, with no lock held, on a
    /// timeline that was not closed when they signalled.
    pub(crate) expired: Option<unsafe fn(NonNull<Timeline>, u64, usize)>,
    /// `type_id` and `anchor` together identify the type that the operations are for. The id of a
    /// type is unique among crates of different names, and the crates of one module have different
    /// names. The anchor is a function instantiated for the type, so its address lies in the module
    /// that uses the type. Neither is enough alone: another module may have a crate of the same
    /// name, and the linker may merge functions of the same code.
    pub(crate) type_id: fn() -> TypeId,
    pub(crate) anchor: unsafe fn(NonNull<TrackedEntry>),
}

/// The operations of fences that are published on a closed timeline.
pub(super) static CLOSED_OPS: TimelineOps = TimelineOps {
    fence: bindings::dma_fence_ops {
        get_driver_name: Some(Timeline::get_driver_name),
        get_timeline_name: Some(Timeline::get_timeline_name),
        enable_signaling: None,
        signaled: None,
        wait: None,
        release: None,
        set_deadline: None,
    },
    drop_data: None,
    poll: None,
    expired: None,
    // No driver's type.
    type_id: TypeId::of::<TimelineOps>,
    anchor: TimelineOps::no_anchor,
};

impl TimelineOps {
    /// Returns what the operations `ops` of a fence are part of, if it is a fence of this crate.
    ///
    /// # Safety
    ///
    /// `ops` is valid for `'a`.
    pub(crate) unsafe fn of_fence<'a>(ops: &bindings::dma_fence_ops) -> Option<&'a Self> {
        let ours = ops.get_driver_name.is_some_and(|f| {
            core::ptr::fn_addr_eq(
                f,
                Timeline::get_driver_name
                    as unsafe extern "C" fn(*mut bindings::dma_fence) -> *const c_char,
            )
        });

        // SAFETY: By the type invariants, and the function's contract.
        ours.then(|| unsafe { &*core::ptr::from_ref(ops).cast::<Self>() })
    }

    /// Returns `true` if these are for the same types.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        core::ptr::fn_addr_eq(self.anchor, other.anchor) && (self.type_id)() == (other.type_id)()
    }

    /// Stands for the anchor of no type. It is not called.
    ///
    /// # Safety
    ///
    /// None.
    unsafe fn no_anchor(_: NonNull<TrackedEntry>) {}
}
