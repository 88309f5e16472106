// SPDX-License-Identifier: GPL-2.0

//! Long walks along the list: in pieces, between which the lock is let go.
//!
//! Interrupts are off while it is held, and a list can be as long as user space wants
//! it.

use super::Timeline;
use crate::{
    bindings,
    fence,
    header::Header,
    lock::IrqGuard,
    lockdep::DomainSection,
    section::Annotation, //
};
use core::{
    ops::ControlFlow,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// How many fences are looked at, or signalled, in one piece.
pub(super) const PIECE: usize = 256;

/// Where a walk goes on.
///
/// # Invariants
///
/// Owns a reference to a fence that was on the list of the timeline it is used with.
pub(super) struct Place(NonNull<Header>);

// SAFETY: A reference to a fence may be dropped anywhere.
unsafe impl Send for Place {}

impl Place {
    /// # Safety
    ///
    /// `link` is on the list, which is locked, and not its head.
    pub(super) unsafe fn new(link: *mut bindings::list_head) -> Self {
        // SAFETY: By the function's contract; what is on the list is valid.
        unsafe {
            let header = Timeline::header_of(link);

            fence::get(Header::as_fence(header));
            // INVARIANT: The reference just taken.
            Self(header)
        }
    }

    fn fence(&self) -> &fence::Fence {
        // SAFETY: By the type invariant it is valid.
        unsafe { fence::Fence::from_raw(Header::as_fence(self.0)) }
    }

    pub(super) fn seqno(&self) -> u64 {
        self.fence().seqno()
    }

    /// Whether the fence is on the list; otherwise it has signalled, and so have all that
    /// were before it. That changes only with the lock held.
    pub(super) fn is_pending(&self, _guard: &IrqGuard<'_>) -> bool {
        !self.fence().test_signaled_flag()
    }

    /// The link by which the fence is on the list.
    fn link(&self, guard: &IrqGuard<'_>) -> Option<*mut bindings::list_head> {
        // SAFETY: By the type invariant it is valid.
        self.is_pending(guard)
            .then(|| unsafe { self.0.as_ref() }.link.get().cast())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The timeline's lock may be held: a fence that has signalled is left to RCU by
        // the core alone.
        // SAFETY: By the type invariant.
        unsafe { fence::put(Header::as_fence(self.0)) };
    }
}

impl Timeline {
    /// Where to go on towards the list's end: with the fence in that place, or at the
    /// front.
    pub(super) fn resume(
        &self,
        guard: &IrqGuard<'_>,
        place: Option<Place>,
    ) -> *mut bindings::list_head {
        // SAFETY: The list is initialised, and locked.
        let front = || unsafe { (*self.pending.get()).next };

        place
            .and_then(|place| place.link(guard))
            .unwrap_or_else(front)
    }

    /// Looks from the end for the link before which a fence with this number belongs:
    /// behind the last one that is not above it. Gives a place to go on from if that is
    /// far.
    pub(super) fn descend(
        &self,
        guard: &IrqGuard<'_>,
        seqno: u64,
        place: Option<Place>,
    ) -> Result<*mut bindings::list_head, Place> {
        let head = self.pending.get();
        // What was above has signalled, so this one has passed.
        let mut next = match place {
            None => head,
            place => self.resume(guard, place),
        };

        // SAFETY: The list is initialised and locked, and what is on it is valid.
        // Numbers are set before publication.
        unsafe {
            for _ in 0..PIECE {
                let prev = (*next).prev;

                if prev == head || (*Header::as_fence(Self::header_of(prev))).seqno <= seqno {
                    return Ok(next);
                }
                next = prev;
            }
            Err(Place::new(next))
        }
    }

    /// The pending fence with this number, if there is one; of several, the last.
    pub(crate) fn pending_at(&self, seqno: u64) -> Option<ARef<fence::Fence>> {
        let mut place = None;

        loop {
            let guard = self.lock.lock();

            match self.descend(&guard, seqno, place.take()) {
                Err(further) => place = Some(further),
                Ok(next) => {
                    // SAFETY: The list is initialised and locked.
                    let prev = unsafe { (*next).prev };

                    if prev == self.pending.get() {
                        return None;
                    }
                    // SAFETY: It is not the head, and what is on the list is valid; the
                    // list has a reference.
                    let fence =
                        unsafe { fence::Fence::from_raw(Header::as_fence(Self::header_of(prev))) };

                    return (fence.seqno() == seqno).then(|| fence.into());
                }
            }
        }
    }

    /// Fills `fences` with references to the first fences on the list, as far as it
    /// has room.
    pub(crate) fn first_pending(&self, fences: &mut KVec<ARef<fence::Fence>>) {
        let _guard = self.lock.lock();

        // SAFETY: The lock is held. The fences on the list are valid, and the list has a
        // reference to each.
        unsafe {
            self.for_each_pending(|header| {
                if fences.len() == fences.capacity() {
                    return ControlFlow::Break(());
                }
                let fence = fence::Fence::from_raw(Header::as_fence(header));

                match fences.push_within_capacity(fence.into()) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
        }
    }

    /// The number up to which fences can be signalled in one piece of so many, of all up
    /// to `seqno`; more if they share a number.
    pub(super) fn up_to(&self, _guard: &IrqGuard<'_>, seqno: u64, max: usize) -> u64 {
        let mut count = 0;
        let mut up_to = seqno;

        // SAFETY: The guard shows that the lock is held; the fences on the list are valid.
        unsafe {
            self.for_each_pending(|header| {
                let number = (*Header::as_fence(header)).seqno;

                if number > seqno {
                    return ControlFlow::Break(());
                }
                count += 1;
                if count < max {
                    return ControlFlow::Continue(());
                }
                up_to = number;
                ControlFlow::Break(())
            });
        }
        up_to
    }

    /// [`Timeline::signal_up_to`], but about `max` fences at most, or one.
    pub(crate) fn signal_some(&self, seqno: u64, result: i32, max: usize) -> usize {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let guard = self.lock.lock();
        let up_to = self.up_to(&guard, seqno, max.max(1));

        self.drain_to(&guard, up_to, result)
    }
}
