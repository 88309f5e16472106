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
    lock::IrqGuard,
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

impl Timeline {
    /// Completes a fence with `error`, 0 or an error code, unless that has
    /// happened, and signals it if all before it have. Says whether it was the
    /// first.
    ///
    /// `timestamp` is in ns of CLOCK_MONOTONIC; 0 takes the time at which the
    /// fence signals.
    ///
    /// # Safety
    ///
    /// `header` is published, and the caller has a reference to it.
    pub(crate) unsafe fn complete(header: NonNull<Header>, error: i32, timestamp: i64) -> bool {
        // SAFETY: The caller's reference keeps the fence valid.
        let this = unsafe { header.as_ref() };

        // Before RCU is read-locked, which may make this atomic context, where the
        // annotations are void; and the domain's first, so that a report names it.
        #[cfg(CONFIG_LOCKDEP)]
        let _domain = DomainSection::begin({
            let _rcu = rcu::read_lock();
            if this.outcome.load(Relaxed) != PENDING {
                return false;
            }
            // SAFETY: As below.
            unsafe { this.timeline.as_ref() }.options.domain
        });
        let _section = Annotation::begin();
        let _rcu = rcu::read_lock();

        if this.outcome.load(Relaxed) != PENDING {
            return false;
        }
        // SAFETY: By the invariants of `Header`, as the outcome was pending inside
        // this RCU read-side section.
        let timeline = unsafe { this.timeline.as_ref() };

        let guard = timeline.lock.lock();
        if this.outcome.cmpxchg(PENDING, error, Full).is_err() {
            return false;
        }
        // SAFETY: The lock is held.
        unsafe { this.timestamp.get().write(timestamp) };
        timeline.drain(&guard, Until::Pending);
        true
    }

    /// Signals fences from the front of the list, in order, and says how many.
    pub(super) fn drain(&self, _guard: &IrqGuard<'_>, until: Until) -> usize {
        let mut now = 0;
        let mut count = 0;
        // SAFETY: The lock is held, and the callers do not hold on to this.
        let passed = unsafe { &raw mut (*self.inner.get()).passed };

        if let Until::Seqno(seqno, _) = until {
            // SAFETY: The lock is held.
            unsafe { *passed = (*passed).max(seqno.min((*self.inner.get()).last)) };
        }

        while let Some(header) = self.first() {
            let fence = Header::as_fence(header);
            // SAFETY: What is on the list is valid, and the list owns a
            // reference until it is given up below.
            let this = unsafe { header.as_ref() };

            // SAFETY: The number is set before publication.
            let number = unsafe { (*fence).seqno };
            let asked = match until {
                Until::Seqno(seqno, result) if number <= seqno => Some(result),
                _ => None,
            };
            let mut error = this.outcome.load(Acquire);
            match asked {
                Some(result) if error == PENDING => {
                    error = match this.outcome.cmpxchg(PENDING, result, Full) {
                        Ok(_) => result,
                        Err(first) => first,
                    };
                }
                None if error == PENDING || !self.is_due(header) => break,
                _ => {}
            }

            // SAFETY: The lock is held.
            let mut timestamp = unsafe { *this.timestamp.get() };
            if timestamp == 0 {
                if now == 0 {
                    // SAFETY: Any context.
                    now = unsafe { bindings::ktime_get() };
                }
                timestamp = now;
            }

            // SAFETY: The fence is on the list, and the list is locked. Its lock
            // is its own, interrupts are off, and by the invariants of `Header`
            // it has not signalled. Then the list gives up its reference.
            unsafe {
                bindings::dma_buf_rs_list_del(&raw mut (*this.link.get()).pending);
                *passed = (*passed).max((*fence).seqno);
                fence::signal_own(fence, error, timestamp);
                Header::release(header, self.ops.drop_data);
            }
            count += 1;
        }
        count
    }

    /// Signals what is on the list, and says how many fences.
    pub(crate) fn signal(&self, until: Until) -> usize {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let guard = self.lock.lock();

        self.drain(&guard, until)
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

        this.signal(Until::Pending);
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
    /// As for [`Self::complete`].
    #[cold]
    pub(crate) unsafe fn cancel_dropped(header: NonNull<Header>) {
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
        unsafe { Self::complete(header, ECANCELED.to_errno(), 0) };
    }
}
