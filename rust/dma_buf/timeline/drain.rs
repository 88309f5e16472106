// SPDX-License-Identifier: GPL-2.0

//! How the fences of a timeline signal: in order, and at most [`PIECE`] of them before interrupts
//! are on again.

use super::{
    Head,
    Queue,
    Timeline,
    PIECE, //
};
use crate::{
    bindings,
    fence,
    header::{
        Header,
        PENDING, //
    },
    lock::IrqGuard,
    lockdep::DomainSection,
    section::Annotation, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Full, //
    }, //
};

impl Timeline {
    /// Returns `true` if the first fence of a queue is complete.
    #[inline]
    pub(super) fn is_first_done(&self) -> bool {
        self.queue.first().is_some_and(|first| {
            // SAFETY: What is in the queue is valid; the callers have the head lock.
            unsafe { first.as_ref() }.outcome.load(Acquire) != PENDING
        })
    }

    /// Takes the first fence if it is due to signal.
    fn take_due(&self, head: &IrqGuard<'_, Head>, steps: &mut usize) -> Option<NonNull<Header>> {
        if self.options.points {
            let mut tail = self.tail.lock_with(head);
            let header = tail.points.due(steps)?;

            // SAFETY: It is in the tree, and the head lock is held.
            unsafe {
                tail.points.take(header);
                tail.taken = tail.taken.max(Header::seqno(header));
            }
            return Some(header);
        }
        if !self.is_first_done() {
            return None;
        }
        let header = self.queue.first()?;

        // SAFETY: It is the first, and the head lock is held.
        unsafe { self.queue.take(header, &self.tail) };
        Some(header)
    }

    /// Signals what is complete from the front on; if there are more than `most`, `reap` goes
    /// on with them. Says how many have signalled, and whether `reap` goes on.
    pub(super) fn drain(&self, head: &IrqGuard<'_, Head>, most: usize) -> (usize, bool) {
        let done = self.drain_queue_or_points(head, most);

        if self.options.points {
            self.tail.lock_with(head).settle();
        }
        done
    }

    /// [`Self::drain`], but for what points need at the end.
    #[inline(never)]
    fn drain_queue_or_points(&self, head: &IrqGuard<'_, Head>, most: usize) -> (usize, bool) {
        let mut steps = PIECE;
        let mut now = 0;

        for count in 0..most {
            let Some(header) = self.take_due(head, &mut steps) else {
                return (count, self.continue_if(steps == 0));
            };

            // Mostly the first fence is not complete, and the clock need not be read.
            if now == 0 {
                // SAFETY: Any context.
                now = unsafe { bindings::ktime_get() };
            }
            // SAFETY: It was pending, and its reference is ours now. The head lock is held.
            unsafe {
                let this = header.as_ref();

                fence::signal_own(
                    Header::as_fence(header),
                    this.outcome.load(Acquire),
                    this.timestamp_or(now),
                );
                Header::release(header, self.drop_data);
            }
        }
        (most, self.continue_if(true))
    }

    /// Completes with `ETIME` what is pending up to number `late`, a piece at most. Returns up to
    /// which number that was, how many fences it completed, and whether more are left.
    pub(super) fn expire(&self, head: &IrqGuard<'_, Head>, late: u64) -> (u64, usize, bool) {
        let error = ETIME.to_errno();

        if !self.options.points {
            let (count, more) = self.signal_piece(head, late, error);
            let left = self.queue.first().filter(|_| more);

            // SAFETY: What is pending is valid. Numbers rise, and nothing comes in between.
            let up_to = left.map_or(late, |left| unsafe { Header::seqno(left) } - 1);
            return (up_to.min(late), count, more);
        }
        let (count, done) = self.signal_points(head, late, error);
        let more = count == PIECE;

        if !more {
            self.drain(head, PIECE - count);
        }
        (self.tail.lock_with(head).taken, count - done, more)
    }

    /// Has `reap` go on if there is more; the head lock is held.
    fn continue_if(&self, more: bool) -> bool {
        if more {
            // SAFETY: The work is initialised, and the timeline is there: who closes it needs
            // the head lock after this.
            unsafe { bindings::irq_work_queue(self.reap.get()) };
        }
        more
    }

    /// Signals what is complete from the front on.
    pub(super) fn drain_all(&self) {
        let head = self.head.lock();

        self.drain(&head, PIECE);
    }

    /// Takes the first point if its number is not above `seqno`.
    fn take_point_up_to(&self, head: &IrqGuard<'_, Head>, seqno: u64) -> Option<NonNull<Header>> {
        let mut tail = self.tail.lock_with(head);
        let first = tail.points.first();

        // SAFETY: What is in the tree is valid, and the head lock is held.
        unsafe {
            match first.filter(|first| Header::seqno(*first) <= seqno) {
                Some(first) => {
                    tail.points.take(first);
                    tail.taken = tail.taken.max(Header::seqno(first));
                    Some(first)
                }
                None => {
                    tail.taken = tail.taken.max(seqno.min(tail.last));
                    None
                }
            }
        }
    }

    /// Signals the first fences of a queue up to a sequence number, a piece at most, and says
    /// how many: with this result, 0 or an error code, what is not complete by then.
    #[inline(always)]
    fn signal_queue(
        &self,
        head: &IrqGuard<'_, Head>,
        seqno: u64,
        result: i32,
        drop_data: bindings::rcu_callback_t,
    ) -> usize {
        // SAFETY: Any context.
        let now = unsafe { bindings::ktime_get() };
        let mut left = PIECE;

        // SAFETY: What is pending is valid, and the head lock is held.
        unsafe {
            let Some(mut at) = self.queue.first() else {
                return 0;
            };

            while Header::seqno(at) <= seqno {
                let Some(next) = Queue::after(at) else {
                    // Rarely there is another by now; that one was not there before.
                    self.signal_last(head, at, result, now, drop_data);
                    return PIECE - left + 1;
                };

                self.signal_taken(head, at, result, now, drop_data);
                at = next;
                left -= 1;
                if left == 0 {
                    break;
                }
            }
            self.queue.take_before(at);
        }
        PIECE - left
    }

    /// Takes and signals a fence of a queue that is alone.
    ///
    /// # Safety
    ///
    /// As for [`Queue::take_last`] and [`Self::signal_taken`].
    #[inline(never)]
    unsafe fn signal_last(
        &self,
        head: &IrqGuard<'_, Head>,
        header: NonNull<Header>,
        result: i32,
        now: i64,
        drop_data: bindings::rcu_callback_t,
    ) {
        // SAFETY: By the function's contract.
        unsafe {
            self.queue.take_last(header, &self.tail);
            self.signal_taken(head, header, result, now, drop_data);
        }
    }

    /// [`Self::signal_queue`] of points. Also says how many of them were complete before.
    #[inline(never)]
    fn signal_points(&self, head: &IrqGuard<'_, Head>, seqno: u64, result: i32) -> (usize, usize) {
        // SAFETY: Any context.
        let now = unsafe { bindings::ktime_get() };
        let mut done = 0;

        for count in 0..PIECE {
            let Some(header) = self.take_point_up_to(head, seqno) else {
                return (count, done);
            };
            // SAFETY: It has just been taken, and the head lock is held.
            if !unsafe { self.signal_taken(head, header, result, now, self.drop_data) } {
                done += 1;
            }
        }
        (PIECE, done)
    }

    /// Signals a fence with this result, 0 or an error code, or its own if it was complete, and
    /// gives up the timeline's reference. Returns `false` if it was complete.
    ///
    /// # Safety
    ///
    /// The fence has been taken, or is before all that will be left; `drop_data` is for its type.
    #[inline(always)]
    unsafe fn signal_taken(
        &self,
        _head: &IrqGuard<'_, Head>,
        header: NonNull<Header>,
        result: i32,
        now: i64,
        drop_data: bindings::rcu_callback_t,
    ) -> bool {
        // SAFETY: By the function's contract.
        unsafe {
            let is_first = match header.as_ref().outcome.cmpxchg(PENDING, result, Full) {
                Ok(_) => {
                    fence::signal_own(Header::as_fence(header), result, now);
                    true
                }
                Err(error) => {
                    self.signal_done(header, error, now);
                    false
                }
            };

            Header::release(header, drop_data);
            is_first
        }
    }

    /// Signals a fence that had been completed before, which few are where all up to a
    /// sequence number are signalled.
    ///
    /// # Safety
    ///
    /// As for [`Self::signal_taken`], with the head lock held.
    #[cold]
    #[inline(never)]
    unsafe fn signal_done(&self, header: NonNull<Header>, error: i32, now: i64) {
        // SAFETY: By the function's contract.
        unsafe {
            fence::signal_own(
                Header::as_fence(header),
                error,
                header.as_ref().timestamp_or(now),
            )
        }
    }

    /// [`Self::signal_queue`] where data is dropped.
    #[inline(never)]
    fn signal_queue_dropping(&self, head: &IrqGuard<'_, Head>, seqno: u64, result: i32) -> usize {
        self.signal_queue(head, seqno, result, self.drop_data)
    }

    /// Signals what is pending up to a sequence number, a piece at most; if that was all of it,
    /// also what is complete behind it. Says how many, and whether something is left to do.
    #[inline(always)]
    pub(super) fn signal_piece(
        &self,
        head: &IrqGuard<'_, Head>,
        seqno: u64,
        result: i32,
    ) -> (usize, bool) {
        // What needs no dropping is less to do.
        let count = if self.options.points {
            self.signal_points(head, seqno, result).0
        } else if self.drop_data.is_some() {
            self.signal_queue_dropping(head, seqno, result)
        } else {
            self.signal_queue(head, seqno, result, None)
        };

        if count == PIECE {
            return (count, true);
        }
        // What is done behind it is not left until somebody else comes.
        if self.options.points || self.is_first_done() {
            return (count + self.drain(head, PIECE - count).0, false);
        }
        (count, false)
    }

    /// Signals all up to a sequence number, with this result, 0 or an error code, what is
    /// not complete by then; and what is complete behind it. Says how many.
    pub(crate) fn signal_up_to(&self, seqno: u64, result: i32) -> usize {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let mut count = 0;

        loop {
            let (some, more) = self.signal_piece(&self.head.lock(), seqno, result);

            count += some;
            if !more {
                return count;
            }
        }
    }
}
