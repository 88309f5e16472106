// SPDX-License-Identifier: GPL-2.0

//! The memory of a driver's fence.
//!
//! One allocation holds the `dma_fence`, what its context knows of it, and the
//! driver's data. The C side frees it with `kfree_rcu()` when the last reference
//! goes, whoever holds that, so the `dma_fence` comes first, and the driver's
//! data must have been dropped by then, or need no dropping.

use crate::{
    bindings,
    registry::call_rcu,
    timeline::{
        Next,
        Timeline, //
    }, //
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

/// What a fence needs while it is pending, and what it needs after, are never
/// needed at once.
#[repr(C)]
pub(crate) union Link {
    /// Before publication.
    none: (),
    /// While the fence is pending, in a queue.
    next: ManuallyDrop<Next>,
    /// While the fence is pending, in a tree.
    node: bindings::rb_node,
    /// Afterwards: the head by which the data's drop waits for a grace period.
    pub(crate) rcu: bindings::callback_head,
}

/// [`Header::outcome`] of a fence that nobody has completed yet; any other value
/// is its result, 0 or a negative error code.
pub(crate) const PENDING: i32 = 1;

/// The part of a driver's fence that does not depend on the driver's types.
///
/// # Invariants
///
/// Once published:
///
/// - While the SIGNALED flag is clear, the fence is pending on `timeline`, or has been taken by
///   who holds its head lock, and signals it under that; either owns a reference, and
///   `timeline` is valid. Seen clear inside an RCU read-side section, `timeline` stays valid
///   until that ends.
/// - Only the timeline sets the flag, and it sets `outcome` before: so what is said of a clear
///   flag is true of a pending `outcome`. It holds its head lock, except for a fence that signals
///   as it is published: nobody has got that one yet, and it is not pending.
/// - The fence's operations are cleared by the core a little after it has set the
///   flag, but before the timeline's reference is given up. Only then can the fence's data be
///   left to RCU, and only when the head lock has been let go can the timeline be, which
///   is closed first. So operations seen set inside an RCU read-side section tell that
///   `timeline` and the data stay until that ends, although the flag may be set.
/// - `outcome` changes once.
/// - `link.next` or `link.node` is in use while the fence is pending, `link.rcu` after.
#[repr(C)]
pub(crate) struct Header {
    /// At the start, for `kfree_rcu()`.
    pub(crate) fence: Opaque<bindings::dma_fence>,
    pub(crate) timeline: NonNull<Timeline>,
    pub(crate) link: UnsafeCell<Link>,
    /// [`PENDING`], or the result of whoever completed the fence first.
    pub(crate) outcome: Atomic<i32>,
    /// Counts the two events after which the data can be dropped.
    votes: Atomic<i32>,
    /// When the driver says the fence was done, in ns of CLOCK_MONOTONIC; 0 if
    /// it does not. Protected by the timeline's head lock.
    pub(crate) timestamp: UnsafeCell<i64>,
    /// When the timeline's timeout completes the fence, in ns of CLOCK_MONOTONIC.
    /// Set before the fence is pending, if there is a timeout.
    pub(crate) expires: UnsafeCell<MaybeUninit<i64>>,
}

impl Header {
    /// Makes a header that is not published; its `fence` is not initialised.
    ///
    /// # Safety
    ///
    /// `this` is valid for writes.
    #[inline]
    pub(crate) unsafe fn init(this: NonNull<Header>) {
        let this = this.as_ptr();

        // In place: moved, it would be copied, with the memory of the fence.
        // SAFETY: By the function's contract.
        unsafe {
            (&raw mut (*this).timeline).write(NonNull::dangling());
            (&raw mut (*this).link).write(UnsafeCell::new(Link { none: () }));
            (&raw mut (*this).outcome).write(Atomic::new(PENDING));
            (&raw mut (*this).votes).write(Atomic::new(0));
            (&raw mut (*this).timestamp).write(UnsafeCell::new(0));
            (&raw mut (*this).expires).write(UnsafeCell::new(MaybeUninit::uninit()));
        }
    }

    /// The C fence in a header, without a reference to the header.
    #[inline]
    pub(crate) fn as_fence(this: NonNull<Header>) -> *mut bindings::dma_fence {
        // The fence is the first field.
        this.as_ptr().cast()
    }

    /// The header whose link this is.
    ///
    /// # Safety
    ///
    /// `link` is the one in a header.
    #[inline]
    pub(crate) unsafe fn from_link(link: *mut UnsafeCell<Link>) -> NonNull<Header> {
        // SAFETY: By the function's contract; a header is not at address 0.
        unsafe { NonNull::new_unchecked(container_of!(link, Header, link)) }
    }

    /// What comes next in a queue.
    ///
    /// # Safety
    ///
    /// The fence is in a queue, for `'a`.
    #[inline]
    pub(crate) unsafe fn next<'a>(this: NonNull<Header>) -> &'a Next {
        // SAFETY: By the function's contract.
        unsafe { &(*(*this.as_ptr()).link.get()).next }
    }

    /// Begins to use the link for a queue: nothing comes next.
    ///
    /// # Safety
    ///
    /// The fence is valid, and its link not in use.
    #[inline]
    pub(crate) unsafe fn set_next(this: NonNull<Header>) {
        // SAFETY: By the function's contract.
        unsafe {
            (*this.as_ptr()).link.get().write(Link {
                next: ManuallyDrop::new(Atomic::new(core::ptr::null_mut())),
            })
        };
    }

    /// The node by which the fence is in a tree.
    ///
    /// # Safety
    ///
    /// The fence is valid.
    #[inline]
    pub(crate) unsafe fn node(this: NonNull<Header>) -> *mut bindings::rb_node {
        // SAFETY: By the function's contract.
        unsafe { (*this.as_ptr()).link.get().cast() }
    }

    /// The sequence number, which is set at publication.
    ///
    /// # Safety
    ///
    /// The fence is valid and published.
    #[inline]
    pub(crate) unsafe fn seqno(this: NonNull<Header>) -> u64 {
        // SAFETY: By the function's contract.
        unsafe { (*Header::as_fence(this)).seqno }
    }

    /// When whoever completed the fence said that it was done, or else this time.
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

    /// Reports one of the two events after which nobody uses the data any more:
    /// the handle is gone; the fence has signalled. Gives up a reference.
    ///
    /// The second one has `drop_data` run a grace period later, if there is one,
    /// which then owns that reference.
    ///
    /// # Safety
    ///
    /// - The caller owns a reference to the fence and gives it up.
    /// - Each event is reported once, with a reference of its own.
    /// - `drop_data` is the context's.
    #[inline]
    pub(crate) unsafe fn release(this: NonNull<Header>, drop_data: bindings::rcu_callback_t) {
        if drop_data.is_some() {
            // SAFETY: The caller's reference keeps the memory valid.
            let votes = unsafe { &(*this.as_ptr()).votes };

            if votes.fetch_add(1, Full) == 1 {
                // SAFETY: The fence has signalled, so it is not linked, and the
                // other event is past, so nobody else uses the link. The memory
                // stays valid as the callback owns our reference.
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
        unsafe { crate::fence::put(Header::as_fence(this)) };
    }
}

/// A driver's fence: the header and the driver's data.
#[repr(C)]
pub(crate) struct FenceData<D> {
    pub(crate) header: Header,
    /// Dropped by [`drop_data`], or, before publication, by the allocation.
    pub(crate) data: ManuallyDrop<D>,
}

/// The RCU callback that drops a fence's data and the reference it owns.
///
/// # Safety
///
/// `rcu` is the head of a fence of this type, queued by [`Header::release`].
pub(crate) unsafe extern "C" fn drop_data<D>(rcu: *mut bindings::callback_head) {
    // SAFETY: The head is the `link` of a header, which starts a `FenceData<D>`.
    let this = unsafe { Header::from_link(rcu.cast()) }
        .as_ptr()
        .cast::<FenceData<D>>();

    // SAFETY: The handle is gone, so nobody borrows the data through it; the
    // fence signalled a grace period ago, so no operation runs on it. This runs
    // once, by the contract of `release`, whose reference it owns.
    unsafe {
        ManuallyDrop::drop(&mut (*this).data);
        crate::fence::put(this.cast());
    }
}
