// SPDX-License-Identifier: GPL-2.0

//! The memory of a driver's fence.
//!
//! One allocation holds the `dma_fence`, the data of its context, and the driver's data. The core
//! frees it with `kfree_rcu()`, so the `dma_fence` comes first, and the driver's data has been
//! dropped by then, or needs no dropping.

use super::{
    pending::QueuePtr,
    Timeline, //
};
use crate::{
    bindings,
    registry::call_rcu, //
};
use core::{
    cell::UnsafeCell,
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ptr::NonNull, //
};
use kernel::{
    container_of,
    sync::atomic::{
        Atomic,
        Full, //
    },
    types::Opaque, //
};

/// Links of a fence, of which one is in use at a time.
#[repr(C)]
pub(crate) union Link {
    /// Before publication.
    none: (),
    /// While the fence is pending, in a queue.
    next: ManuallyDrop<QueuePtr>,
    /// While the fence is pending, in a tree.
    node: bindings::rb_node,
    /// After it has signalled: the head by which the drop of its data waits for a grace period.
    pub(crate) rcu: bindings::callback_head,
}

/// [`FenceHeader::result`] of a fence that has not been completed. Any other value is its result, 0
/// or a negative error code.
pub(crate) const PENDING: i32 = 1;

/// The part of a driver's fence that does not depend on the driver's types.
///
/// # Invariants
///
/// Once published:
///
/// - While the SIGNALED flag is clear, the fence is pending on `timeline`, or has been taken out
///   with its head lock held, and signals before that is released. In both cases the timeline owns
///   a reference to it, and `timeline` is valid. If the flag is seen clear inside an RCU read-side
///   section, `timeline` stays valid until that ends.
/// - Only the timeline sets the flag, and it sets `result` before. So while `result` is
///   [`PENDING`], the flag is clear. It sets the flag with its head lock held, except for a fence
///   that signals as it is published: that one is not shared yet, and was never pending.
/// - The core clears the fence's operations after it has set the flag, and before the timeline's
///   reference is dropped. Only after that is the data left to RCU, and only after the head lock is
///   released is the timeline left to RCU, which is closed first. So if the operations are seen set
///   inside an RCU read-side section, `timeline` and the data stay valid until that ends, even if
///   the flag is set.
/// - `result` changes once.
/// - `link.next` or `link.node` is in use while the fence is pending, `link.rcu` after.
///
/// The first three are modelled in `result.litmus` and `../context/ops.litmus`.
#[repr(C)]
pub(crate) struct FenceHeader {
    /// At offset 0, for `kfree_rcu()`.
    pub(crate) fence: Opaque<bindings::dma_fence>,
    pub(crate) timeline: NonNull<Timeline>,
    pub(crate) link: UnsafeCell<Link>,
    /// [`PENDING`], or the result with which the fence was completed first.
    pub(crate) result: Atomic<i32>,
    /// How many of the two events of [`Self::release`] have happened.
    released: Atomic<i32>,
    /// The time at which the driver says that the fence was done, in ns of CLOCK_MONOTONIC, or 0.
    /// Protected by the timeline's head lock.
    pub(crate) timestamp: UnsafeCell<i64>,
    /// When the timeline's timeout completes the fence, in ns of CLOCK_MONOTONIC.
    /// Set before the fence is pending, if there is a timeout.
    pub(crate) expires: UnsafeCell<MaybeUninit<i64>>,
}

impl FenceHeader {
    /// Makes a header that is not published; its `fence` is not initialised.
    ///
    /// # Safety
    ///
    /// `this` is valid for writes.
    #[inline]
    pub(crate) unsafe fn init(this: NonNull<FenceHeader>) {
        let this = this.as_ptr();

        // In place, as a move would copy all of it, with the memory of the fence.
        // SAFETY: By the function's contract.
        unsafe {
            (&raw mut (*this).timeline).write(NonNull::dangling());
            (&raw mut (*this).link).write(UnsafeCell::new(Link { none: () }));
            (&raw mut (*this).result).write(Atomic::new(PENDING));
            (&raw mut (*this).released).write(Atomic::new(0));
            (&raw mut (*this).timestamp).write(UnsafeCell::new(0));
            (&raw mut (*this).expires).write(UnsafeCell::new(MaybeUninit::uninit()));
        }
    }

    /// Returns the C fence in a header, without a reference to the header.
    #[inline]
    pub(crate) fn as_fence(this: NonNull<FenceHeader>) -> *mut bindings::dma_fence {
        // The fence is the first field.
        this.as_ptr().cast()
    }

    /// Returns the header whose link this is.
    ///
    /// # Safety
    ///
    /// `link` is the one in a header.
    #[inline]
    pub(crate) unsafe fn from_link(link: *mut UnsafeCell<Link>) -> NonNull<FenceHeader> {
        // SAFETY: By the function's contract. A header is not at address 0.
        unsafe { NonNull::new_unchecked(container_of!(link, FenceHeader, link)) }
    }

    /// Borrows the pointer to the next fence in a queue.
    ///
    /// # Safety
    ///
    /// The fence is in a queue, for `'a`.
    #[inline]
    pub(crate) unsafe fn next<'a>(this: NonNull<FenceHeader>) -> &'a QueuePtr {
        // SAFETY: By the function's contract.
        unsafe { &(*(*this.as_ptr()).link.get()).next }
    }

    /// Begins to use the link for a queue. No fence comes next.
    ///
    /// # Safety
    ///
    /// The fence is valid, and its link not in use.
    #[inline]
    pub(crate) unsafe fn set_next(this: NonNull<FenceHeader>) {
        // SAFETY: By the function's contract.
        unsafe {
            (*this.as_ptr()).link.get().write(Link {
                next: ManuallyDrop::new(Atomic::new(core::ptr::null_mut())),
            })
        };
    }

    /// Returns the node by which the fence is in a tree.
    ///
    /// # Safety
    ///
    /// The fence is valid.
    #[inline]
    pub(crate) unsafe fn node(this: NonNull<FenceHeader>) -> *mut bindings::rb_node {
        // SAFETY: By the function's contract.
        unsafe { (*this.as_ptr()).link.get().cast() }
    }

    /// Returns the sequence number, which is set at publication.
    ///
    /// # Safety
    ///
    /// The fence is valid and published.
    #[inline]
    pub(crate) unsafe fn seqno(this: NonNull<FenceHeader>) -> u64 {
        // SAFETY: By the function's contract.
        unsafe { (*FenceHeader::as_fence(this)).seqno }
    }

    /// Returns the time at which the driver says that the fence was done, or else `now`.
    ///
    /// # Safety
    ///
    /// The timeline's head lock is held.
    #[inline]
    pub(crate) unsafe fn timestamp_or(&self, now: i64) -> i64 {
        // SAFETY: By the function's contract.
        match unsafe { *self.timestamp.get() } {
            0 => now,
            timestamp => timestamp,
        }
    }

    /// Reports one of the two events after which the data is not used any more: the handle is gone,
    /// or the fence has signalled. Drops a reference.
    ///
    /// After the second event `drop_data`, if there is one, runs a grace period later, and owns
    /// that reference. Modelled in `release.litmus`.
    ///
    /// # Safety
    ///
    /// - The caller owns a reference to the fence and gives it up.
    /// - Each event is reported once, with a reference of its own.
    /// - `drop_data` is the context's.
    #[inline]
    pub(crate) unsafe fn release(this: NonNull<FenceHeader>, drop_data: bindings::rcu_callback_t) {
        if drop_data.is_some() {
            // SAFETY: The caller's reference keeps the memory valid.
            let released = unsafe { &(*this.as_ptr()).released };

            if released.fetch_add(1, Full) == 1 {
                // SAFETY: Both events have happened, so the link is used only here. The callback
                // owns the caller's reference, which keeps the memory valid.
                unsafe {
                    let rcu = (*this.as_ptr())
                        .link
                        .get()
                        .cast::<bindings::callback_head>();
                    call_rcu(rcu, drop_data, drop_data.map_or(0, |f| f as usize));
                }
                return;
            }
        }
        // SAFETY: The caller gives up its reference.
        unsafe { crate::fence::put(FenceHeader::as_fence(this)) };
    }
}

/// A driver's fence: the header and the driver's data.
#[repr(C)]
pub(crate) struct FenceData<D> {
    pub(crate) header: FenceHeader,
    /// Dropped by [`drop_data`], or, before publication, by the allocation.
    pub(crate) data: ManuallyDrop<D>,
}

/// The RCU callback that drops a fence's data, and the reference that the callback owns.
///
/// # Safety
///
/// `rcu` is the head of a fence of this type, queued by [`FenceHeader::release`].
pub(crate) unsafe extern "C" fn drop_data<D>(rcu: *mut bindings::callback_head) {
    // SAFETY: The head is the `link` of a header, which is at offset 0 of a `FenceData<D>`.
    let this = unsafe { FenceHeader::from_link(rcu.cast()) }
        .as_ptr()
        .cast::<FenceData<D>>();

    // SAFETY: The handle is gone, so the data is not borrowed through it; the fence signalled a
    // grace period ago, so no operation runs on it. This runs once, by the contract of `release`,
    // whose reference it owns.
    unsafe {
        ManuallyDrop::drop(&mut (*this).data);
        crate::fence::put(this.cast());
    }
}
