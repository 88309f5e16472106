// SPDX-License-Identifier: GPL-2.0

//! What a driver's operation has found complete is signalled from an irq_work: the
//! operation may be called with the fence's lock held.
//!
//! It may be the only operation that anybody calls: a reservation object keeps only
//! the latest fence of a context, so nobody asks about those before it, for which it
//! has to wait. So the irq_work does.

use super::{
    place::PIECE,
    PollFn,
    Timeline, //
};
use crate::{
    bindings,
    header::{
        Header,
        PENDING, //
    },
    lockdep::DomainSection,
    section::Annotation, //
};
use core::{
    mem::offset_of,
    ops::ControlFlow,
    ptr::NonNull, //
};
use kernel::sync::{
    atomic::{
        Full,
        Relaxed, //
    },
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
    /// - the lock is held, and the timeline is not closed;
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

        for _ in 0..PIECE {
            let Some((header, poll)) = this.drain_and_next() else {
                return;
            };
            // SAFETY: It was on the list inside this RCU read-side section, and the
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
        // Interrupts are off: the others in another run.
        // SAFETY: RCU is read-locked, and inside this section the timeline was not closed.
        unsafe { this.queue_reap() };
    }

    /// Signals what is complete, and returns the next one to ask the driver about, if
    /// it can be asked: the first that is not, as all others wait for that.
    ///
    /// To be called inside an RCU read-side section.
    fn drain_and_next(&self) -> Option<(NonNull<Header>, PollFn)> {
        let guard = self.lock.lock();

        // If more is complete, this runs once more, soon.
        if self.drain(&guard) {
            return None;
        }
        // SAFETY: The lock is held.
        if unsafe { (*self.inner.get()).closed } {
            return None;
        }
        // SAFETY: The lock is held, and the timeline is not closed.
        let poll = unsafe { self.ops() }.poll?;
        let mut next = None;

        // Mostly the first; but one that is complete may wait for others with the
        // same number.
        // SAFETY: The lock is held, and the fences on the list are valid.
        unsafe {
            self.for_each_pending(|header| {
                if header.as_ref().outcome.load(Relaxed) != PENDING {
                    return ControlFlow::Continue(());
                }
                next = Some((header, poll));
                ControlFlow::Break(())
            });
        }
        next
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
