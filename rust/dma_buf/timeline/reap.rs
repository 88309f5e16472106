// SPDX-License-Identifier: GPL-2.0

//! What a driver's operation has found complete is signalled from an irq_work: the
//! operation may be called with the fence's lock held.
//!
//! It may be the only operation that anybody calls: a reservation object keeps only
//! the latest fence of a context, so nobody asks about those before it, for which it
//! has to wait. So the irq_work does.

use super::{
    Head,
    PollFn,
    Timeline,
    PIECE, //
};
use crate::{
    bindings,
    header::{
        Header,
        PENDING, //
    },
    lock::IrqGuard,
    lockdep::DomainSection,
    section::Annotation, //
};
use core::{
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::sync::{
    atomic::Full,
    rcu, //
};

impl Timeline {
    /// Notes that an operation of the driver's found the fence to be complete,
    /// and has that acted upon.
    ///
    /// Callable with the fence's lock held.
    ///
    /// # Safety
    ///
    /// The caller is an operation of a fence of this timeline, inside an RCU read-side
    /// section in which the fence's operations were set.
    pub(crate) unsafe fn note_complete(&self, header: &Header, error: i32) {
        // If another result came first, that one counts.
        let _ = header.outcome.cmpxchg(PENDING, error, Full);
        // SAFETY: By the function's contract.
        unsafe { self.queue_reap() };
    }

    /// Has what is complete looked for, and signalled.
    ///
    /// # Safety
    ///
    /// One of:
    ///
    /// - the caller is an operation of a fence of this timeline, see
    ///   [`Self::note_complete`];
    /// - the tail lock is held, and the timeline is not closed;
    /// - RCU is read-locked, and the timeline was not closed inside that section.
    pub(crate) unsafe fn queue_reap(&self) {
        // SAFETY: The work is initialised. By the function's contract this happens before
        // the grace period after which the timeline is freed, unless the work is still
        // busy.
        unsafe { bindings::irq_work_queue(self.reap.get()) };
    }

    /// The body of the `reap` irq_work.
    ///
    /// # Safety
    ///
    /// `work` is the one in a timeline.
    #[inline(never)]
    pub(super) unsafe extern "C" fn reap(work: *mut bindings::irq_work) {
        // SAFETY: By the function's contract; a timeline is not freed while its
        // work is busy.
        let this = unsafe { &*work.byte_sub(offset_of!(Timeline, reap)).cast::<Timeline>() };

        // Before RCU is read-locked, see `Timeline::complete`.
        let _domain = DomainSection::begin(this.options.domain);
        let _section = Annotation::begin();
        let _rcu = rcu::read_lock();

        // Interrupts are off. If more is left, there is another run.
        let mut left = PIECE;

        while let Some((header, poll)) = this.drain_and_next(&mut left) {
            // SAFETY: It was pending inside this RCU read-side section, and the
            // timeline not closed, so the driver's text stays as well.
            let Some(error) = (unsafe { poll(header) }) else {
                return;
            };
            // SAFETY: As above, it is valid: it is freed a grace period after it has
            // signalled. If it has by now, it had been completed.
            let _ = unsafe { header.as_ref() }
                .outcome
                .cmpxchg(PENDING, error, Full);
        }
    }

    /// Signals what is complete, and returns the next one to ask the driver about, if
    /// it can be asked: the first that is not, as all others wait for that. Counts what it
    /// does, and has another run go on when `left` is used up.
    ///
    /// To be called inside an RCU read-side section.
    fn drain_and_next(&self, left: &mut usize) -> Option<(NonNull<Header>, PollFn)> {
        let head = self.head.lock();
        let (count, more) = self.drain(&head, (*left).max(1));

        if more {
            return None;
        }
        let poll = {
            let tail = self.tail.lock_with(&head);

            if tail.closed {
                return None;
            }
            // SAFETY: The tail lock is held, and the timeline is not closed.
            unsafe { self.ops() }.poll?
        };

        *left = left.saturating_sub(count + 1);
        if *left == 0 {
            // SAFETY: RCU is read-locked, and inside this section the timeline was not closed.
            unsafe { self.queue_reap() };
            return None;
        }
        self.first_unfinished(&head).map(|header| (header, poll))
    }

    /// The first fence that was not complete when [`Self::drain`] looked.
    fn first_unfinished(&self, head: &IrqGuard<'_, Head>) -> Option<NonNull<Header>> {
        if self.options.points {
            return self.tail.lock_with(head).points.unfinished();
        }
        self.queue.first()
    }

    /// Whether the kernel still uses the timeline: its irq_work is queued or
    /// running, or its watchdog runs.
    pub(crate) fn is_busy(&self) -> bool {
        // SAFETY: The work is initialised.
        let reaping = unsafe { bindings::dma_buf_rs_irq_work_is_busy(self.reap.get()) };

        reaping || !self.watchdog.try_cancel()
    }

    /// Waits until neither the irq_work nor the watchdog runs.
    ///
    /// Process context, may sleep. Only one may wait at a time: the registry does.
    pub(crate) fn sync(&self) {
        // SAFETY: The work is initialised; the context is right; and nobody else waits
        // for the work.
        unsafe { bindings::irq_work_sync(self.reap.get()) };
        self.watchdog.cancel();
    }
}
