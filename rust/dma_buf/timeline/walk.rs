// SPDX-License-Identifier: GPL-2.0

//! Walks along what is pending: in pieces, between which interrupts are on.

use super::{
    Head,
    Queue,
    Timeline,
    PIECE, //
};
use crate::{
    fence,
    header::Header,
    lock::IrqGuard, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// Where a walk goes on.
///
/// # Invariants
///
/// Owns a reference to a fence that was pending on the timeline it is used with.
pub(super) struct Place(NonNull<Header>);

// SAFETY: A reference to a fence may be dropped anywhere.
unsafe impl Send for Place {}

impl Place {
    /// # Safety
    ///
    /// The fence is pending, and the head lock held.
    unsafe fn new(header: NonNull<Header>) -> Self {
        // SAFETY: By the function's contract it is valid.
        unsafe { fence::get(Header::as_fence(header)) };
        // INVARIANT: The reference just taken.
        Self(header)
    }

    fn fence(&self) -> &fence::Fence {
        // SAFETY: By the type invariant it is valid.
        unsafe { fence::Fence::from_raw(Header::as_fence(self.0)) }
    }

    /// The fence, if it is pending; otherwise it has signalled, and so have all that
    /// were before it.
    pub(super) fn pending(&self, _head: &IrqGuard<'_, Head>) -> Option<NonNull<Header>> {
        (!self.fence().test_signaled_flag()).then_some(self.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A fence that has signalled is left to RCU by the core alone, so any lock may be
        // held.
        // SAFETY: By the type invariant.
        unsafe { fence::put(Header::as_fence(self.0)) };
    }
}

impl Timeline {
    /// Calls `f` for a piece of what is pending, in order, until it returns false: from the
    /// place on, if that is pending, or else from number `seqno` on, at the latest. Returns
    /// where to go on, if there is more.
    pub(super) fn walk(
        &self,
        head: &IrqGuard<'_, Head>,
        place: Option<Place>,
        seqno: u64,
        mut f: impl FnMut(NonNull<Header>) -> bool,
    ) -> Option<Place> {
        let tail = self.options.points.then(|| self.tail.lock_with(head));
        let mut at = place.and_then(|place| place.pending(head)).or_else(|| {
            tail.as_ref()
                .map_or_else(|| self.queue.first(), |tail| tail.points.first_from(seqno))
        });

        // SAFETY: The head lock is held, and of points also the tail lock; what is pending is
        // valid.
        unsafe {
            for _ in 0..PIECE {
                let header = at?;

                if !f(header) {
                    return None;
                }
                at = match &tail {
                    Some(tail) => tail.points.after(header),
                    None => Queue::after(header),
                };
            }
            at.map(|header| Place::new(header))
        }
    }

    /// Calls `f` for what is pending, in order, until it returns false: from number `seqno`
    /// on, at the latest.
    pub(super) fn for_each_pending(&self, seqno: u64, mut f: impl FnMut(NonNull<Header>) -> bool) {
        let mut place = None;

        loop {
            let further = self.walk(&self.head.lock(), place.take(), seqno, &mut f);

            if further.is_none() {
                return;
            }
            place = further;
        }
    }

    /// The pending fence with this number, if there is one; of several, the last.
    pub(crate) fn pending_at(&self, seqno: u64) -> Option<ARef<fence::Fence>> {
        let fence_of = |header: NonNull<Header>| -> ARef<fence::Fence> {
            // SAFETY: It is called with the lock held under which the fence was found pending;
            // the timeline keeps its reference meanwhile.
            unsafe { fence::Fence::from_raw(Header::as_fence(header)) }.into()
        };
        let mut found = None;

        if self.options.points {
            let tail = self.tail.lock();

            return tail
                .points
                .last_up_to(seqno)
                // SAFETY: What is pending is valid, and the tail lock is held.
                .filter(|last| unsafe { Header::seqno(*last) } == seqno)
                .map(fence_of);
        }
        self.for_each_pending(seqno, |header| {
            // SAFETY: What is pending is valid, and the head lock is held.
            let number = unsafe { Header::seqno(header) };

            if number == seqno {
                found = Some(fence_of(header));
            }
            number < seqno
        });
        found
    }

    /// The number of the first pending fence.
    pub(crate) fn first_seqno(&self) -> Option<u64> {
        let seqno = |first: Option<NonNull<Header>>| {
            // SAFETY: What is pending is valid, and stays while the lock is held by which it
            // was found.
            first.map(|first| unsafe { Header::seqno(first) })
        };

        if self.options.points {
            return seqno(self.tail.lock().points.first());
        }
        let _head = self.head.lock();

        seqno(self.queue.first())
    }

    /// Fills `fences` with references to the first pending fences, as far as it has room.
    pub(crate) fn first_pending(&self, fences: &mut KVec<ARef<fence::Fence>>) {
        self.for_each_pending(0, |header| {
            if fences.len() == fences.capacity() {
                return false;
            }
            // SAFETY: What is pending is valid, and the timeline has a reference.
            let fence = unsafe { fence::Fence::from_raw(Header::as_fence(header)) };

            fences.push_within_capacity(fence.into()).is_ok()
        });
    }
}
