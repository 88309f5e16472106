// SPDX-License-Identifier: GPL-2.0

//! How the fences of a timeline signal: from the front of its list, in order.

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
use core::ptr::NonNull;
use kernel::sync::atomic::{
    Acquire,
    Full,
    Relaxed, //
};

/// How far to go in signalling what is on the list.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// As far as fences are complete.
    Pending,
    /// As far as that, or this sequence number if it is further; what is not
    /// complete by then is completed with this result, 0 or an error code.
    Seqno(u64, i32),
}

impl Timeline {
    /// Signals a fence that is on the list, and all before it have signalled, and
    /// returns the link after it, up to which [`Self::cut`] is then due. The list's
    /// reference to the fence is the caller's.
    ///
    /// # Safety
    ///
    /// The lock is held.
    #[inline]
    pub(super) unsafe fn signal_first(
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
            #[cfg(CONFIG_LIST_HARDENED)]
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
    pub(super) unsafe fn cut(&self, next: *mut bindings::list_head) {
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
            // Whoever completes a fence that is not the first mostly finds that the
            // first is not complete.
            let any = link != head
                && (up_to.is_some()
                    || Self::header_of(link).as_ref().outcome.load(Relaxed) != PENDING);
            let now = if any { bindings::ktime_get() } else { 0 };

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

    /// Whether a complete fence on the list, all before which have signalled, may:
    /// one that shares its number with others signals with them, as a merge may
    /// keep any one of them for all. If so, its number has passed.
    #[inline]
    pub(super) fn pass_if_due(&self, header: NonNull<Header>) -> bool {
        // SAFETY: The callers hold the lock, and do not hold on to this.
        let inner = unsafe { &mut *self.inner.get() };

        // Those that are given out are not shared.
        if !inner.chosen {
            return true;
        }
        // SAFETY: The number is set before publication.
        let seqno = unsafe { (*Header::as_fence(header)).seqno };

        // Once the first of a number signals, so do the others.
        if seqno > inner.passed {
            if !self.are_done(header) {
                return false;
            }
            inner.passed = seqno;
        }
        true
    }

    /// Whether this fence and those behind it on the list with the same number are
    /// complete.
    #[inline(never)]
    fn are_done(&self, header: NonNull<Header>) -> bool {
        // SAFETY: The callers hold the lock, and what is on the list from this one
        // on is valid. Numbers are set before publication.
        unsafe {
            let seqno = (*Header::as_fence(header)).seqno;
            let mut link = header.as_ref().link.get().cast::<bindings::list_head>();

            while link != self.pending.get() {
                let other = Self::header_of(link);

                if (*Header::as_fence(other)).seqno != seqno {
                    break;
                }
                if other.as_ref().outcome.load(Acquire) == PENDING {
                    return false;
                }
                link = (*link).next;
            }
        }
        true
    }
}
