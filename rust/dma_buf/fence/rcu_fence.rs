// SPDX-License-Identifier: GPL-2.0

//! A pointer to a fence that is read under RCU.
//!
//! Modelled in `rcu_fence.litmus` and `rcu_fence_publish.litmus`.

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

/// An RCU-protected pointer to a fence, or to none. Readers take a reference without a lock while a
/// writer replaces the fence.
///
/// An example is the last fence of a ring, which each submission replaces and each query reads.
///
/// Dropping the pointer drops its reference, which may be the last one to the fence.
///
/// Context of the drop: any; no fence lock held.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, RcuFence};
///
/// let last = RcuFence::new(None);
/// assert!(last.get().is_none());
/// drop(last.replace(Some(Fence::stub())));
/// assert!(last.get() == Some(Fence::stub()));
/// ```
///
/// # Invariants
///
/// `fence` is null or points to a fence, to which the pointer owns a reference.
#[repr(transparent)]
pub struct RcuFence {
    fence: Atomic<*mut bindings::dma_fence>,
}

impl RcuFence {
    /// Creates a pointer to a fence, or to none.
    ///
    /// Context: any.
    pub fn new(fence: Option<ARef<Fence>>) -> Self {
        // INVARIANT: `into_raw` gives up the reference, which the pointer owns from here on.
        Self {
            fence: Atomic::new(Self::into_raw(fence)),
        }
    }

    /// Returns a reference to the fence.
    ///
    /// May drop the last reference to a fence that is replaced meanwhile.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_get_rcu_safe()`
    #[inline]
    pub fn get(&self) -> Option<ARef<Fence>> {
        let _rcu = rcu::read_lock();

        // SAFETY: By the type invariant the pointer is null, or points to a fence and owns a
        // reference to it. If that is dropped meanwhile, the memory stays for a grace period, and
        // RCU is read-locked.
        let fence = unsafe { bindings::dma_buf_rs_dma_fence_get_rcu_safe(self.fence.as_ptr()) };
        // SAFETY: The function took a reference for the caller.
        unsafe { owned(fence) }
    }

    /// Replaces the fence. Returns the previous one.
    ///
    /// Context: any.
    pub fn replace(&self, fence: Option<ARef<Fence>>) -> Option<ARef<Fence>> {
        // INVARIANT: The pointer takes over the new reference and gives up the old one.
        let old = self.fence.xchg(Self::into_raw(fence), Full);

        // SAFETY: By the type invariant `old` is null, or the pointer owned a reference to it,
        // which it has just given up.
        unsafe { owned(old) }
    }

    /// Borrows a pointer in a C structure.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` is valid, and the pointer there is null or owns a reference to a fence. C
    /// code reads it under RCU and changes it by atomic operations only.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut *mut bindings::dma_fence) -> &'a RcuFence {
        // SAFETY: By the function's contract. An `RcuFence` is laid out as a pointer.
        unsafe { &*ptr.cast() }
    }

    /// Replaces the fence if it is `old`. Drops the reference to `old`, or to `new` if it is not
    /// used.
    pub(crate) fn replace_if(&self, old: &Fence, new: Option<ARef<Fence>>) {
        let new = Self::into_raw(new);
        let unused = match self.fence.cmpxchg(old.as_raw(), new, Full) {
            // INVARIANT: The pointer takes over the new reference and gives up the old one.
            Ok(old) => old,
            Err(_) => new,
        };

        // SAFETY: If the fence was replaced, `unused` is `old`, whose reference the pointer has
        // given up. Otherwise it is `new`, whose reference the pointer has not taken over.
        drop(unsafe { owned(unused) });
    }

    fn into_raw(fence: Option<ARef<Fence>>) -> *mut bindings::dma_fence {
        fence.map_or(ptr::null_mut(), |fence| {
            ARef::into_raw(fence).as_ptr().cast()
        })
    }
}

impl Drop for RcuFence {
    fn drop(&mut self) {
        drop(self.replace(None));
    }
}
