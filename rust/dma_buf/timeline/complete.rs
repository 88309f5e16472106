// SPDX-License-Identifier: GPL-2.0

//! How the fences of a timeline are completed: in order.

use super::{
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
    lockdep::DomainSection,
    reader::IrqReader,
    section::Annotation, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Full,
            Relaxed, //
        },
        rcu, //
    }, //
};

/// What became of an attempt to complete a fence.
enum Completed {
    /// It had been completed before.
    Before,
    /// It is done, and signals when all before it have.
    Done,
    /// It has signalled, and the timeline's reference is the caller's.
    Signaled,
}

impl Timeline {
    /// Completes a fence with `error`, 0 or an error code, unless that has
    /// happened, and signals it if all before it have; then the handle has ended.
    /// Says whether this was the first completion.
    ///
    /// `timestamp` is in ns of CLOCK_MONOTONIC; 0 takes the time at which the
    /// fence signals.
    ///
    /// # Safety
    ///
    /// - `header` is published, and the caller has a reference to it and the right
    ///   to report the end of its handle.
    /// - `drop_data` is the context's.
    #[inline]
    pub(crate) unsafe fn finish(
        header: NonNull<Header>,
        error: i32,
        timestamp: i64,
        drop_data: bindings::rcu_callback_t,
    ) -> bool {
        // Known where this is inlined, and what needs no dropping is less to do.
        // SAFETY: By the function's contract.
        unsafe {
            if drop_data.is_none() {
                Self::finish_plain(header, error, timestamp)
            } else {
                Self::finish_dropping(header, error, timestamp, drop_data)
            }
        }
    }

    /// [`Self::finish`], of a fence whose data needs no dropping.
    ///
    /// # Safety
    ///
    /// As for [`Self::finish`].
    #[inline(never)]
    unsafe fn finish_plain(header: NonNull<Header>, error: i32, timestamp: i64) -> bool {
        // SAFETY: By the function's contract. The handle ends here, and its reference
        // with it, and also the timeline's if that was left to us.
        unsafe {
            match Self::complete(header, error, timestamp) {
                Completed::Signaled => {
                    fence::put_two(Header::as_fence(header));
                    true
                }
                Completed::Done => {
                    fence::put(Header::as_fence(header));
                    true
                }
                Completed::Before => {
                    fence::put(Header::as_fence(header));
                    false
                }
            }
        }
    }

    /// [`Self::finish`], of a fence whose data is dropped then.
    ///
    /// # Safety
    ///
    /// As for [`Self::finish`].
    #[inline(never)]
    unsafe fn finish_dropping(
        header: NonNull<Header>,
        error: i32,
        timestamp: i64,
        drop_data: bindings::rcu_callback_t,
    ) -> bool {
        // SAFETY: By the function's contract. The handle ends here, and its reference
        // with it, and also the timeline's if that was left to us.
        unsafe {
            let completed = Self::complete(header, error, timestamp);

            if matches!(completed, Completed::Signaled) {
                Header::release(header, drop_data);
            }
            Header::release(header, drop_data);
            !matches!(completed, Completed::Before)
        }
    }

    /// # Safety
    ///
    /// `header` is published, and the caller has a reference to it.
    #[inline(always)]
    unsafe fn complete(header: NonNull<Header>, error: i32, timestamp: i64) -> Completed {
        // SAFETY: The caller's reference keeps the fence valid.
        let this = unsafe { header.as_ref() };

        // Before RCU is read-locked, which may make this atomic context, where the
        // annotations are void; and the domain's first, so that a report names it.
        #[cfg(CONFIG_LOCKDEP)]
        let _domain = DomainSection::begin({
            let _rcu = rcu::read_lock();
            if this.outcome.load(Relaxed) != PENDING {
                return Completed::Before;
            }
            // SAFETY: As below.
            unsafe { this.timeline.as_ref() }.options.domain
        });
        let _section = Annotation::begin();
        let reader = IrqReader::begin();

        if this.outcome.load(Relaxed) != PENDING {
            return Completed::Before;
        }
        // SAFETY: By the invariants of `Header`, as the outcome was pending inside
        // this RCU read-side section.
        let timeline = unsafe { this.timeline.as_ref() };

        let head = timeline.head.lock_in(reader);

        if this.outcome.cmpxchg(PENDING, error, Full).is_err() {
            return Completed::Before;
        }
        // A point is in no queue.
        if timeline.queue.first() != Some(header) {
            // SAFETY: The head lock is held, and the fence has not signalled.
            unsafe { this.timestamp.get().write(timestamp) };
            if timeline.options.points {
                timeline.drain(&head, PIECE);
            }
            return Completed::Done;
        }
        // SAFETY: The head lock is held, and this is the first fence, so it may signal.
        unsafe {
            timeline.queue.take(header, &timeline.tail);
            fence::signal_own(
                Header::as_fence(header),
                error,
                match timestamp {
                    0 => bindings::ktime_get(),
                    timestamp => timestamp,
                },
            );
        }
        // Mostly the next one is not done.
        if timeline.is_first_done() {
            timeline.drain(&head, PIECE - 1);
        }
        Completed::Signaled
    }

    /// Completes the pending fences with this sequence number, and says whether
    /// there was one.
    pub(crate) fn complete_seqno(&self, seqno: u64, error: i32) -> bool {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let mut found = false;

        self.for_each_pending(seqno, |header| {
            // SAFETY: What is pending is valid.
            let (number, this) = unsafe { (Header::seqno(header), header.as_ref()) };

            if number == seqno {
                found |= this.outcome.cmpxchg(PENDING, error, Full).is_ok();
            }
            number <= seqno
        });
        self.drain_all();
        found
    }

    /// Completes a fence whose handle was dropped, unless that has happened, and
    /// complains, once for each timeline.
    ///
    /// # Safety
    ///
    /// As for [`Self::finish`].
    #[cold]
    pub(crate) unsafe fn cancel_dropped(
        header: NonNull<Header>,
        drop_data: bindings::rcu_callback_t,
    ) {
        let rcu = rcu::read_lock();
        // SAFETY: The caller's reference keeps the fence valid.
        let this = unsafe { header.as_ref() };

        if this.outcome.load(Relaxed) == PENDING {
            // SAFETY: As in `complete`; the number never changes.
            let (timeline, seqno) =
                unsafe { (this.timeline.as_ref(), (*Header::as_fence(header)).seqno) };

            if !timeline.complained.xchg(true, Relaxed) {
                pr_err!(
                    "driver bug: fence {} of {} ({}) was dropped unsignalled; cancelled\n",
                    seqno,
                    &*timeline.timeline_name,
                    &*timeline.driver_name,
                );
            }
        }
        drop(rcu);

        // SAFETY: By the function's contract.
        unsafe { Self::finish(header, ECANCELED.to_errno(), 0, drop_data) };
    }
}
