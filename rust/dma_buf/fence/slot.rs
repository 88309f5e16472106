// SPDX-License-Identifier: GPL-2.0

//! A place that holds a fence, read without a lock.

use super::Fence;
use crate::bindings;
use core::ptr::{
    self,
    NonNull, //
};
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
/// Context of all methods: any.
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
    pub fn get(&self) -> Option<ARef<Fence>> {
        let _rcu = rcu::read_lock();

        // SAFETY: By the type invariant the slot holds null or a fence with a
        // reference, which its memory outlives by a grace period; RCU is
        // read-locked.
        let fence = unsafe { bindings::dma_buf_rs_dma_fence_get_rcu_safe(self.fence.as_ptr()) };
        // SAFETY: The callee took a reference for us.
        NonNull::new(fence).map(|fence| unsafe { Fence::from_raw_owned(fence) })
    }

    /// Puts something else in, and hands back what was there.
    pub fn replace(&self, fence: Option<ARef<Fence>>) -> Option<ARef<Fence>> {
        let old = self.fence.xchg(Self::into_raw(fence), Full);

        // SAFETY: By the type invariant; the slot gave its reference up.
        NonNull::new(old).map(|fence| unsafe { Fence::from_raw_owned(fence) })
    }

    /// Puts something else in, and drops the reference to what was there.
    pub fn set(&self, fence: Option<ARef<Fence>>) {
        drop(self.replace(fence));
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
