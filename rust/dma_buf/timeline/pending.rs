// SPDX-License-Identifier: GPL-2.0

//! Looks at what is pending, in batches, between which interrupts are on.

use super::{
    header::Header,
    queue::Queue,
    signal::LockedHead,
    Timeline,
    BATCH, //
};
use crate::{
    fence::Fence,
    lock::{
        lock,
        IrqsOff, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// A reference to a pending fence.
///
/// # Safety
///
/// The fence is pending, and the lock is held by which it was found.
unsafe fn reference(header: NonNull<Header>) -> ARef<Fence> {
    // SAFETY: By the function's contract it is valid.
    unsafe { Fence::from_raw(Header::as_fence(header)) }.into()
}

impl LockedHead<'_> {
    /// Calls `f` for a batch of what is pending, in order, until it returns false: from `cursor`
    /// on, if that is still pending, or else from number `seqno` on at the latest. Returns where
    /// to go on, if there is more.
    ///
    /// Dropping a cursor is fine with any lock held: a fence that has signalled goes by RCU.
    pub(super) fn look(
        &self,
        cursor: Option<ARef<Fence>>,
        seqno: u64,
        mut f: impl FnMut(NonNull<Header>) -> bool,
    ) -> Option<ARef<Fence>> {
        let timeline = self.timeline();
        let tail = timeline.options.points.then(|| self.lock_tail());
        // If it has signalled, so have all before it.
        let mut at = match cursor.filter(|cursor| !cursor.test_signaled_flag()) {
            Some(cursor) => NonNull::new(cursor.as_raw().cast()),
            None => tail.as_ref().map_or_else(
                || timeline.queue.first(),
                |tail| tail.points.first_from(seqno),
            ),
        };

        // SAFETY: The head lock is held, and of points also the tail lock. What is pending is
        // valid.
        unsafe {
            for _ in 0..BATCH {
                let header = at?;

                if !f(header) {
                    return None;
                }
                at = match &tail {
                    Some(tail) => tail.points.after(header),
                    None => Queue::after(header),
                };
            }
            at.map(|header| reference(header))
        }
    }
}

impl Timeline {
    /// Calls `f` for what is pending, in order, until it returns false: from number `seqno` on at
    /// the latest.
    pub(super) fn for_each_pending(&self, seqno: u64, mut f: impl FnMut(NonNull<Header>) -> bool) {
        let mut cursor = None;

        loop {
            let irqs = IrqsOff::begin();

            cursor = self.lock_head(&irqs).look(cursor.take(), seqno, &mut f);
            if cursor.is_none() {
                return;
            }
        }
    }

    /// The pending fence with this number, if there is one; of several, the last.
    pub(crate) fn find_pending(&self, seqno: u64) -> Option<ARef<Fence>> {
        let mut found = None;

        if self.options.points {
            let irqs = IrqsOff::begin();
            let tail = lock(&self.tail, &irqs);
            let last = tail.points.last_up_to(seqno)?;

            // SAFETY: What is pending is valid, and the tail lock is held.
            return unsafe { (Header::seqno(last) == seqno).then(|| reference(last)) };
        }
        self.for_each_pending(seqno, |header| {
            // SAFETY: What is pending is valid, and the head lock is held.
            let number = unsafe { Header::seqno(header) };

            if number == seqno {
                // SAFETY: As above.
                found = Some(unsafe { reference(header) });
            }
            number < seqno
        });
        found
    }

    /// The number of the first pending fence.
    pub(crate) fn first_pending_seqno(&self) -> Option<u64> {
        let irqs = IrqsOff::begin();

        let first = self.lock_head(&irqs).first_seqno();
        first
    }

    /// Fills `fences` with references to the first pending fences, as far as it has room.
    pub(crate) fn pending(&self, fences: &mut KVec<ARef<Fence>>) {
        self.for_each_pending(0, |header| {
            if fences.len() == fences.capacity() {
                return false;
            }
            // SAFETY: What is pending is valid, and the head lock is held.
            fences
                .push_within_capacity(unsafe { reference(header) })
                .is_ok()
        });
    }
}
