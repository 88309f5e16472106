// SPDX-License-Identifier: GPL-2.0

//! How the fences of a timeline are completed: in order.

use super::Timeline;
use crate::{
    bindings,
    fence,
    header::{
        Header,
        PENDING, //
    },
    lock::{
        IrqGuard,
        IrqReader, //
    },
    lockdep::DomainSection,
    section::Annotation, //
};
use core::{
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Full,
            Relaxed, //
        },
        rcu, //
    }, //
};

/// How far to go in signalling what is on the list.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// As far as fences are complete.
    Pending,
    /// As far as that, or this sequence number if it is further; what is not
    /// complete by then is completed with this result, 0 or an error code.
    Seqno(u64, i32),
}

/// What became of an attempt to complete a fence.
enum Completed {
    /// It had been completed before.
    Before,
    /// It is done, and signals when all before it have.
    Done,
    /// It has signalled, and the list's reference is the caller's.
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
    pub(crate) unsafe fn finish(
        header: NonNull<Header>,
        error: i32,
        timestamp: i64,
        drop_data: bindings::rcu_callback_t,
    ) -> bool {
        // SAFETY: By the function's contract.
        let completed = unsafe { Self::complete(header, error, timestamp) };

        // SAFETY: The handle ends here, and its reference with it, and also the
        // list's if that was left to us.
        unsafe {
            match completed {
                Completed::Signaled if drop_data.is_none() => {
                    fence::put_two(Header::as_fence(header))
                }
                Completed::Signaled => {
                    Header::release(header, drop_data);
                    Header::release(header, drop_data);
                }
                _ => Header::release(header, drop_data),
            }
        }
        !matches!(completed, Completed::Before)
    }

    /// # Safety
    ///
    /// `header` is published, and the caller has a reference to it.
    #[inline]
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

        let guard = timeline.lock.lock_in(reader);
        if this.outcome.cmpxchg(PENDING, error, Full).is_err() {
            return Completed::Before;
        }
        let head = timeline.pending.get();

        // SAFETY: The lock is held, and what is on the list valid; if the fence is
        // the first on it, it may signal.
        unsafe {
            if (*head).next != this.link.get().cast() || !timeline.pass_if_due(header) {
                this.timestamp.get().write(timestamp);
                timeline.drain(&guard, Until::Pending);
                return Completed::Done;
            }

            let next = timeline.signal_first(
                header,
                error,
                match timestamp {
                    0 => bindings::ktime_get(),
                    timestamp => timestamp,
                },
            );
            timeline.cut(next);
            // Mostly the next one is not done.
            if next != head && Self::header_of(next).as_ref().outcome.load(Acquire) != PENDING {
                timeline.drain(&guard, Until::Pending);
            }
        }
        Completed::Signaled
    }

    /// Signals a fence that is on the list, and all before it have signalled, and
    /// returns the link after it, up to which [`Self::cut`] is then due. The list's
    /// reference to the fence is the caller's.
    ///
    /// # Safety
    ///
    /// The lock is held.
    #[inline]
    unsafe fn signal_first(
        &self,
        header: NonNull<Header>,
        error: i32,
        timestamp: i64,
    ) -> *mut bindings::list_head {
        // SAFETY: The list is locked, and what is on it valid.
        unsafe {
            let link = &raw mut (*(*header.as_ptr()).link.get()).pending;
            let next = (*link).next;

            // A checked one, by which the kernel finds a list that was written
            // over. The cut then changes nothing.
            #[cfg(CONFIG_DEBUG_LIST)]
            bindings::dma_buf_rs_list_del(link);

            // By the invariants of `Header` it has not signalled. Its lock is its
            // own.
            fence::signal_own(Header::as_fence(header), error, timestamp);
            next
        }
    }

    /// Takes what is before `next`, and has signalled, from the list: nobody looks
    /// at that until the lock is let go.
    ///
    /// # Safety
    ///
    /// The lock is held, and `next` is the link of a fence on the list, or its
    /// head.
    #[inline]
    unsafe fn cut(&self, next: *mut bindings::list_head) {
        let head = self.pending.get();

        // SAFETY: By the function's contract.
        unsafe {
            (*head).next = next;
            (*next).prev = head;
        }
    }

    /// Signals fences from the front of the list, in order, and says how many.
    pub(super) fn drain(&self, guard: &IrqGuard<'_>, until: Until) -> usize {
        // Compiled twice, to look at each fence for no more than is needed.
        match until {
            Until::Pending => self.drain_up_to(guard, None, 0),
            Until::Seqno(seqno, result) => self.drain_up_to(guard, Some(seqno), result),
        }
    }

    /// [`Self::drain`], where `up_to` is the sequence number of [`Until::Seqno`].
    #[inline(always)]
    fn drain_up_to(&self, _guard: &IrqGuard<'_>, up_to: Option<u64>, result: i32) -> usize {
        let head = self.pending.get();
        let drop_data = self.ops.drop_data;
        let mut count = 0;

        // SAFETY: The lock is held, what is on the list is valid, and the list
        // owns a reference until it is given up below. Sequence numbers are set
        // before publication.
        unsafe {
            let mut link = (*head).next;
            let now = if link != head {
                bindings::ktime_get()
            } else {
                0
            };

            while link != head {
                let header = Self::header_of(link);
                let this = header.as_ref();
                let seqno = (*Header::as_fence(header)).seqno;
                let mut timestamp = now;

                let outcome = match up_to {
                    Some(up_to) if seqno <= up_to => this.outcome.cmpxchg(PENDING, result, Full),
                    _ => match this.outcome.load(Acquire) {
                        PENDING => break,
                        _ if !self.pass_if_due(header) => break,
                        error => Err(error),
                    },
                };
                let error = match outcome {
                    Ok(_) => result,
                    Err(error) => {
                        // Whoever completed it may have said when.
                        if *this.timestamp.get() != 0 {
                            timestamp = *this.timestamp.get();
                        }
                        error
                    }
                };

                link = self.signal_first(header, error, timestamp);
                Header::release(header, drop_data);
                count += 1;
            }
            self.cut(link);
            if let Some(up_to) = up_to {
                let inner = &mut *self.inner.get();

                inner.passed = inner.passed.max(up_to.min(inner.last));
            }
        }
        count
    }

    /// Signals all up to a sequence number, as [`Until::Seqno`], and says how many
    /// fences.
    pub(crate) fn signal_up_to(&self, seqno: u64, result: i32) -> usize {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let guard = self.lock.lock();

        self.drain_up_to(&guard, Some(seqno), result)
    }

    /// Completes the pending fences with this sequence number, and says whether
    /// there was one.
    pub(crate) fn complete_seqno(&self, seqno: u64, error: i32) -> bool {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let guard = self.lock.lock();
        let head = self.pending.get();
        let mut found = false;

        // SAFETY: The list is initialised and locked, and what is on it is valid.
        unsafe {
            let mut link = (*head).next;

            while link != head {
                let header = Self::header_of(link);
                let number = (*Header::as_fence(header)).seqno;

                if number > seqno {
                    break;
                }
                if number == seqno {
                    found |= header
                        .as_ref()
                        .outcome
                        .cmpxchg(PENDING, error, Full)
                        .is_ok();
                }
                link = (*link).next;
            }
        }
        self.drain(&guard, Until::Pending);
        found
    }

    /// Notes that an operation of the driver's found the fence to be complete,
    /// and has that acted upon.
    ///
    /// Callable with the fence's lock held.
    pub(crate) fn note_complete(&self, header: &Header, error: i32) {
        if header.outcome.cmpxchg(PENDING, error, Full).is_ok() {
            // SAFETY: The work is initialised. The caller is an operation of a
            // pending fence, inside an RCU read-side section, so this happens
            // before the grace period after which the timeline is freed, unless
            // the work is still busy.
            unsafe { bindings::irq_work_queue(self.reap.get()) };
        }
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

        let _domain = DomainSection::begin(this.options.domain);
        let _section = Annotation::begin();
        let guard = this.lock.lock();

        this.drain(&guard, Until::Pending);
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
    /// Process context, may sleep.
    pub(crate) fn sync(&self) {
        // SAFETY: The work is initialised; the context is right.
        unsafe { bindings::irq_work_sync(self.reap.get()) };
        self.watchdog.cancel();
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
                    timeline.driver_name,
                );
            }
        }
        drop(rcu);

        // SAFETY: By the function's contract.
        unsafe { Self::finish(header, ECANCELED.to_errno(), 0, drop_data) };
    }
}
