// SPDX-License-Identifier: GPL-2.0

//! How the fences of a timeline signal: from the front of its list, in order.

use super::{
    place::PIECE,
    Timeline, //
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
use kernel::sync::atomic::{
    Acquire,
    Full,
    Relaxed, //
};

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
            if cfg!(CONFIG_LIST_HARDENED) {
                bindings::dma_buf_rs_list_del(link);
            }
            // By the invariants of `Header` it has not signalled. Its lock is its
            // own.
            fence::signal_own(Header::as_fence(header), error, timestamp);
            if cfg!(CONFIG_LIST_HARDENED) {
                next
            } else {
                // The same; read here, it need not be kept meanwhile.
                (*link).next
            }
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

    /// Signals what is complete from the front of the list on, in order; if that is more
    /// than a piece, `reap` goes on with it. Says whether it does.
    #[inline]
    pub(super) fn drain(&self, _guard: &IrqGuard<'_>) -> bool {
        // SAFETY: The guard shows that the lock is held.
        unsafe { self.drain_complete().1 }
    }

    /// Signals all up to a sequence number, and then as [`Self::drain`] does: what is
    /// not complete by then is completed with this result, 0 or an error code. Says
    /// how many.
    #[inline]
    pub(super) fn drain_to(&self, _guard: &IrqGuard<'_>, seqno: u64, result: i32) -> usize {
        // SAFETY: The guard shows that the lock is held.
        unsafe { self.drain_seqno_rarely(seqno, result) }
    }

    /// [`Self::drain`]; also says how many.
    ///
    /// # Safety
    ///
    /// The lock is held.
    #[inline(never)]
    unsafe fn drain_complete(&self) -> (usize, bool) {
        let head = self.pending.get();
        let mut count = 0;
        let mut more = false;

        // SAFETY: The lock is held, what is on the list is valid, and the list
        // owns a reference until it is given up below.
        unsafe {
            let mut link = (*head).next;
            let mut now = 0;

            while link != head {
                let header = Self::header_of(link);
                let this = header.as_ref();
                let error = this.outcome.load(Acquire);

                if error == PENDING {
                    break;
                }
                if count == PIECE {
                    // It is not closed, and will not be before the lock is let go.
                    self.queue_reap();
                    more = true;
                    break;
                }
                if !self.pass_if_due(header) {
                    break;
                }
                // Whoever completes a fence that is not the first mostly finds that
                // the first is not complete, and needs no clock.
                if now == 0 {
                    now = bindings::ktime_get();
                }
                link = self.signal_first(header, error, this.timestamp_or(now));
                Header::release(header, self.drop_data);
                count += 1;
            }
            self.cut(link);
        }
        (count, more)
    }

    /// [`Self::drain_to`], where it is rare.
    ///
    /// # Safety
    ///
    /// The lock is held.
    #[cold]
    #[inline(never)]
    unsafe fn drain_seqno_rarely(&self, seqno: u64, result: i32) -> usize {
        // SAFETY: By the function's contract.
        unsafe { self.drain_seqno(seqno, result) }
    }

    /// [`Self::drain_to`].
    ///
    /// # Safety
    ///
    /// The lock is held.
    #[inline(always)]
    unsafe fn drain_seqno(&self, seqno: u64, result: i32) -> usize {
        // SAFETY: By the function's contract; what is on the list is valid.
        unsafe {
            // What needs no dropping is less to do.
            let mut count = match self.drop_data {
                None => self.signal_seqno(seqno, result, None),
                _ => self.signal_seqno_dropping(seqno, result),
            };
            let inner = &mut *self.inner.get();
            let next = (*self.pending.get()).next;

            inner.passed = inner.passed.max(seqno.min(inner.last));
            if next != self.pending.get()
                && Self::header_of(next).as_ref().outcome.load(Relaxed) != PENDING
            {
                count += self.drain_complete().0;
            }
            count
        }
    }

    /// [`Self::signal_seqno`] where data is dropped.
    ///
    /// # Safety
    ///
    /// As for [`Self::signal_seqno`].
    #[inline(never)]
    unsafe fn signal_seqno_dropping(&self, seqno: u64, result: i32) -> usize {
        // SAFETY: By the function's contract.
        unsafe { self.signal_seqno(seqno, result, self.drop_data) }
    }

    /// Signals all up to a sequence number, and says how many.
    ///
    /// # Safety
    ///
    /// The lock is held; `drop_data` is for the fences on the list.
    #[inline(always)]
    pub(super) unsafe fn signal_seqno(
        &self,
        seqno: u64,
        result: i32,
        drop_data: bindings::rcu_callback_t,
    ) -> usize {
        let head = self.pending.get();
        let mut count = 0;

        // SAFETY: The lock is held, what is on the list is valid, and the list
        // owns a reference until it is given up below. Sequence numbers are set
        // before publication.
        unsafe {
            let mut link = (*head).next;
            let now = bindings::ktime_get();

            while link != head {
                let header = Self::header_of(link);

                if (*Header::as_fence(header)).seqno > seqno {
                    break;
                }
                link = match header.as_ref().outcome.cmpxchg(PENDING, result, Full) {
                    Ok(_) => self.signal_first(header, result, now),
                    Err(error) => self.signal_done(header, error, now),
                };
                Header::release(header, drop_data);
                count += 1;
            }
            self.cut(link);
        }
        count
    }

    /// [`Self::signal_first`] of a fence that had been completed before, which few are
    /// where all up to a sequence number are signalled.
    ///
    /// # Safety
    ///
    /// As for [`Self::signal_first`].
    #[cold]
    #[inline(never)]
    unsafe fn signal_done(
        &self,
        header: NonNull<Header>,
        error: i32,
        now: i64,
    ) -> *mut bindings::list_head {
        // SAFETY: By the function's contract; what is on the list is valid.
        unsafe { self.signal_first(header, error, header.as_ref().timestamp_or(now)) }
    }

    /// Signals all up to a sequence number, as [`Self::drain_to`].
    pub(crate) fn signal_up_to(&self, seqno: u64, result: i32) -> usize {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let _guard = self.lock.lock();

        // SAFETY: The lock is held.
        unsafe { self.drain_seqno(seqno, result) }
    }

    /// Returns `true` if a complete fence, before which no fence is pending, may signal.
    ///
    /// A fence that shares its number with others signals once all of them are complete: a
    /// merge may keep any one of them for all. Notes that the number has passed.
    ///
    /// # Safety
    ///
    /// The lock is held, `header` is on the list, and the caller has no reference to
    /// `inner`.
    #[inline]
    pub(super) unsafe fn pass_if_due(&self, header: NonNull<Header>) -> bool {
        // SAFETY: By the function's contract.
        let inner = unsafe { &mut *self.inner.get() };

        // Those that are given out are not shared.
        if !inner.chosen {
            return true;
        }
        // SAFETY: The number is set before publication.
        let seqno = unsafe { (*Header::as_fence(header)).seqno };

        // Once the first of a number signals, so do the others.
        if seqno > inner.passed {
            // SAFETY: By the function's contract.
            if !unsafe { self.are_done(header) } {
                return false;
            }
            inner.passed = seqno;
        }
        true
    }

    /// Returns `true` if this fence, and the fences behind it on the list with the same
    /// number, are complete.
    ///
    /// # Safety
    ///
    /// The lock is held, and `header` is on the list.
    #[inline(never)]
    unsafe fn are_done(&self, header: NonNull<Header>) -> bool {
        // SAFETY: By the function's contract; the fences on the list are valid. Numbers
        // are set before publication.
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
