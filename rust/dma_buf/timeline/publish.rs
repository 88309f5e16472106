// SPDX-License-Identifier: GPL-2.0

//! Publishing fences on a timeline.

use super::{
    header::Header,
    ops::CLOSED_OPS,
    options::MAX_CHOSEN_SEQNO,
    Tail,
    Timeline, //
};
use crate::{
    bindings,
    fence,
    lock::{
        lock,
        IrqsOff, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::atomic::Release, //
};

impl Tail {
    /// Returns the next number. At the end of the numbers, fences share the last one, as equal
    /// points do; so it has not passed.
    fn next_point(&mut self) -> u64 {
        if self.last == u64::MAX {
            self.taken = self.taken.min(u64::MAX - 1);
            self.passed = self.passed.min(u64::MAX - 1);
        }
        self.last.saturating_add(1)
    }
}

impl Timeline {
    /// Publishes a fence with the next sequence number.
    ///
    /// On a closed timeline, it is published cancelled.
    ///
    /// # Safety
    ///
    /// `header` starts a fence of the type that `self.ops` is for, which the
    /// caller owns. Afterwards the caller owns a reference to it.
    pub(crate) unsafe fn publish(&self, header: NonNull<Header>) {
        let irqs = IrqsOff::begin();
        let mut tail = lock(&self.tail, &irqs);

        // SAFETY: By the function's contract.
        unsafe {
            if !tail.is_plain {
                let seqno = tail.next_point();

                self.add_rarely(&mut tail, header, seqno);
                return;
            }
            // It does not come to an end, see `MAX_CHOSEN_SEQNO`.
            tail.last = tail.last.wrapping_add(1);
            let seqno = tail.last;

            self.init(header, seqno, &self.ops().fence);
            self.queue.push(header);
        }
    }

    /// Publishes a fence with the sequence number `seqno`. Returns `false`, and does nothing, if
    /// the timeline numbers its fences and has passed this number.
    ///
    /// If a fence with this number or a higher one has signalled, this one signals with success.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`].
    pub(crate) unsafe fn publish_at(&self, header: NonNull<Header>, seqno: u64) -> bool {
        let irqs = IrqsOff::begin();
        let mut tail = lock(&self.tail, &irqs);

        if !self.options.points && (seqno <= tail.last || seqno > MAX_CHOSEN_SEQNO) {
            return false;
        }
        // SAFETY: By the function's contract.
        unsafe { self.add_rarely(&mut tail, header, seqno) };
        true
    }

    /// Publishes a fence with this number.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`]; where the timeline numbers its fences, the number is above
    /// the last.
    #[inline(never)]
    unsafe fn add_rarely(&self, tail: &mut Tail, header: NonNull<Header>, seqno: u64) {
        tail.last = tail.last.max(seqno);
        // SAFETY: By the function's contract. The operations are only used after the test that
        // the timeline is not closed, with the tail lock held. What is published at once is on
        // no timeline.
        unsafe {
            if tail.closed {
                self.init(header, seqno, &CLOSED_OPS.fence);
                self.signal_at_once(header, ECANCELED.to_errno());
                return;
            }
            self.init(header, seqno, &self.ops().fence);
            if !self.options.points {
                self.start_timeout(tail, header);
                self.queue.push(header);
            } else if seqno <= tail.passed {
                self.signal_at_once(header, 0);
            } else {
                self.start_timeout(tail, header);
                if seqno > tail.taken {
                    tail.points.insert(header);
                    return;
                }
                // It comes too late for those that are just signalling, and signals after
                // them.
                header.as_ref().outcome.store(0, Release);
                tail.points.insert(header);
                self.queue_reap();
            }
        }
    }

    /// Signals a fence that has just been initialised: nothing refers to it yet, and it is neither
    /// in the queue nor in the tree.
    ///
    /// # Safety
    ///
    /// The fence is initialised, on a timeline that has signalled all before it, or is closed. The
    /// tail lock is held.
    unsafe fn signal_at_once(&self, header: NonNull<Header>, error: i32) {
        // SAFETY: By the function's contract; interrupts are off, or the lock sleeps. The
        // handle is still there, so `drop_data`, which may have gone with the module of a
        // closed timeline, is not called.
        unsafe {
            header.as_ref().outcome.store(error, Release);
            fence::signal_unknown(Header::as_fence(header), error);
            Header::release(header, self.drop_data);
        }
    }

    /// Initialises a fence, with a second reference for the timeline.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`]; `ops` is part of a
    /// [`TimelineOps`](super::TimelineOps) that lasts until a grace period after the
    /// fence has signalled.
    #[inline(always)]
    unsafe fn init(
        &self,
        header: NonNull<Header>,
        seqno: u64,
        ops: *const bindings::dma_fence_ops,
    ) {
        let fence = Header::as_fence(header);

        // SAFETY: The caller owns the fence. Its operations may run as soon as it
        // is initialised, as a tracepoint in there calls two, so the timeline is
        // set before. A null lock selects the fence's own. The fence is not shared
        // yet, so the count can be set.
        unsafe {
            (&raw mut (*header.as_ptr()).timeline).write(NonNull::from(self));
            bindings::dma_fence_init64(fence, ops, core::ptr::null_mut(), self.context, seqno);
            bindings::refcount_set(&raw mut (*fence).refcount.refcount, 2);
            #[cfg(CONFIG_LOCKDEP)]
            if let Some(class) = self.options.lock_class {
                class.set(fence);
            }
        }
    }
}
