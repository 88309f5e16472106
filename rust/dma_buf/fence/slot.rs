// SPDX-License-Identifier: GPL-2.0

//! A place that holds a fence, read without a lock.

use super::{
    owned,
    Fence, //
};
use crate::bindings;
use core::ptr;
use kernel::{
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Full, //
        },
        rcu, //
    }, //
};

/// An RCU-protected slot for a fence: who reads it gets a reference, without a
/// lock, while others replace it.
///
/// The last fence of a ring, say, which every submission replaces and every
/// query reads.
///
/// Context of all methods: any, but never with a fence's lock held, as each may
/// drop the last reference to one.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, FenceSlot};
///
/// let last = FenceSlot::new(None);
/// assert!(last.get().is_none());
/// last.set(Some(Fence::stub()));
/// assert!(last.get().is_some_and(|fence| fence.is_signaled()));
/// ```
///
/// # Invariants
///
/// `fence` is null or a fence to which the slot owns a reference.
#[repr(transparent)]
pub struct FenceSlot {
    fence: Atomic<*mut bindings::dma_fence>,
}

impl FenceSlot {
    /// A slot with this in it.
    pub fn new(fence: Option<ARef<Fence>>) -> Self {
        Self {
            fence: Atomic::new(Self::into_raw(fence)),
        }
    }

    /// A reference to what is in the slot.
    ///
    /// C function: `dma_fence_get_rcu_safe()`
    #[inline]
    pub fn get(&self) -> Option<ARef<Fence>> {
        let _rcu = rcu::read_lock();

        // SAFETY: By the type invariant the slot holds null or a fence with a
        // reference, which its memory outlives by a grace period; RCU is
        // read-locked.
        let fence = unsafe { bindings::dma_buf_rs_dma_fence_get_rcu_safe(self.fence.as_ptr()) };
        // SAFETY: The callee took a reference for us.
        unsafe { owned(fence) }
    }

    /// Puts something else in, and hands back what was there.
    pub fn replace(&self, fence: Option<ARef<Fence>>) -> Option<ARef<Fence>> {
        let old = self.fence.xchg(Self::into_raw(fence), Full);

        // SAFETY: By the type invariant; the slot gave its reference up.
        unsafe { owned(old) }
    }

    /// Puts something else in, and drops the reference to what was there.
    pub fn set(&self, fence: Option<ARef<Fence>>) {
        drop(self.replace(fence));
    }

    /// The place of a fence in a structure of the C side, as a slot.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` points to null or a fence, which owns a reference, is read
    /// under RCU, and replaced by whole, atomic stores.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut *mut bindings::dma_fence) -> &'a FenceSlot {
        // SAFETY: By the function's contract, and the layout is the same.
        unsafe { &*ptr.cast() }
    }

    /// Replaces a fence, if it is still there; drops the reference to what is left
    /// over.
    pub(crate) fn replace_if(&self, old: &Fence, new: Option<ARef<Fence>>) {
        let new = Self::into_raw(new);
        let unused = match self.fence.cmpxchg(old.as_raw(), new, Full) {
            Ok(old) => old,
            Err(_) => new,
        };

        // SAFETY: The slot's reference to what was there is ours if that was
        // replaced; otherwise that to what was to be there still is.
        drop(unsafe { owned(unused) });
    }

    fn into_raw(fence: Option<ARef<Fence>>) -> *mut bindings::dma_fence {
        fence.map_or(ptr::null_mut(), |fence| {
            ARef::into_raw(fence).as_ptr().cast()
        })
    }
}

impl Drop for FenceSlot {
    fn drop(&mut self) {
        self.set(None);
    }
}
