// SPDX-License-Identifier: GPL-2.0

//! How fences come onto a timeline.

use super::{
    ops::CLOSED_OPS,
    Inner,
    Timeline, //
};
use crate::{
    bindings,
    header::Header,
    lock::IrqGuard,
    lockdep::DomainSection,
    section::Annotation, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::atomic::Release, //
};

impl Inner {
    /// At the end of the numbers fences share the last one, as equal points do; so it
    /// has not passed.
    #[cold]
    fn at_the_end(&mut self) {
        self.chosen = true;
        self.passed = self.passed.min(self.last - 1);
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
    /// caller owns, and has prepared for publication. Afterwards the caller owns a
    /// reference to it.
    pub(crate) unsafe fn publish(&self, header: NonNull<Header>) {
        let _guard = self.lock.lock();
        // SAFETY: The lock is held.
        let inner = unsafe { &mut *self.inner.get() };

        inner.gives_out = true;
        if inner.last == u64::MAX {
            inner.at_the_end();
        } else {
            inner.last += 1;
        }
        let (seqno, closed) = (inner.last, inner.closed);

        // SAFETY: By the function's contract. No number on the list is higher.
        unsafe {
            if closed {
                self.publish_cancelled(header, seqno);
            } else {
                self.insert(header, seqno, self.pending.get(), &self.ops().fence, true);
            }
        }
    }

    /// Publishes a fence with the sequence number `seqno`, unless numbers are
    /// given out here and this one is not above the last; says whether it did.
    ///
    /// If it, or a higher one, has signalled, so has this one, with success.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`]; nothing changes if it returns false.
    pub(crate) unsafe fn publish_at(&self, header: NonNull<Header>, seqno: u64) -> bool {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let mut place = None;

        loop {
            let guard = self.lock.lock();
            // SAFETY: The lock is held.
            let inner = unsafe { &mut *self.inner.get() };

            // Once only: what is given out meanwhile knows that there are others.
            if place.is_none() {
                if inner.gives_out && seqno <= inner.last {
                    return false;
                }
                inner.chosen = true;
                inner.last = inner.last.max(seqno);
            }
            if inner.closed {
                // SAFETY: By the function's contract.
                unsafe { self.publish_cancelled(header, seqno) };
                return true;
            }
            if seqno <= inner.passed {
                // SAFETY: By the function's contract. None that is pending is below.
                unsafe { self.publish_passed(&guard, header, seqno) };
                return true;
            }
            match self.descend(&guard, seqno, place.take()) {
                Ok(next) => {
                    // SAFETY: By the function's contract; the place was just found.
                    unsafe { self.insert(header, seqno, next, &self.ops().fence, true) };
                    return true;
                }
                Err(further) => place = Some(further),
            }
        }
    }

    /// Publishes a fence whose number has passed, and so before all that are pending,
    /// and signals it.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`]; no number on the list is below `seqno`.
    unsafe fn publish_passed(&self, guard: &IrqGuard<'_>, header: NonNull<Header>, seqno: u64) {
        // SAFETY: By the function's contract; the list is initialised and locked.
        unsafe {
            self.insert(
                header,
                seqno,
                (*self.pending.get()).next,
                &self.ops().fence,
                true,
            );
            header.as_ref()
        }
        .outcome
        .store(0, Release);
        self.drain(guard);
    }

    /// Publishes a fence on a closed timeline, and cancels it.
    ///
    /// Nothing is on the list but this one, and nothing of the driver's is used but
    /// what the fence was prepared with.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`], with the lock held.
    #[cold]
    #[inline(never)]
    unsafe fn publish_cancelled(&self, header: NonNull<Header>, seqno: u64) {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();

        // SAFETY: By the function's contract; the list is empty.
        unsafe {
            let drop_data = (*(*header.as_ptr()).link.get()).drop_data;

            // Not watched: it is about to be completed, and nothing may be started any
            // more.
            self.insert(header, seqno, self.pending.get(), &CLOSED_OPS.fence, false);
            self.signal_seqno(u64::MAX, ECANCELED.to_errno(), drop_data);
        }
    }

    /// Initialises a fence and puts it on the list, before `next`; `watched`, if the
    /// timeline has a bound.
    ///
    /// # Safety
    ///
    /// - As for [`Self::publish`], with the lock held; `ops` is part of a
    ///   [`TimelineOps`](super::TimelineOps) that lasts until a grace period after the
    ///   fence has signalled.
    /// - `next` is the list's head, or the link of one on it, and the numbers
    ///   before it are not above, those from it on not below `seqno`.
    #[inline(always)]
    unsafe fn insert(
        &self,
        header: NonNull<Header>,
        seqno: u64,
        next: *mut bindings::list_head,
        ops: *const bindings::dma_fence_ops,
        watched: bool,
    ) {
        let fence = Header::as_fence(header);

        // SAFETY: The caller owns the fence. Its operations may run as soon as it
        // is initialised, as a tracepoint in there calls two, so the timeline is
        // set before. A null lock selects the fence's own. Nobody else has a
        // reference yet, so they can be counted so; the second is the list's. The
        // header is on no list, and the list is locked.
        unsafe {
            (&raw mut (*header.as_ptr()).timeline).write(NonNull::from(self));
            bindings::dma_fence_init64(fence, ops, core::ptr::null_mut(), self.context, seqno);
            bindings::refcount_set(&raw mut (*fence).refcount.refcount, 2);
            #[cfg(CONFIG_LOCKDEP)]
            if let Some(class) = self.options.lock_class {
                class.set(fence);
            }
            if watched {
                if let Some(bound) = self.options.bound {
                    self.watch(header, bound);
                }
            }
            bindings::dma_buf_rs_list_add_tail(
                &raw mut (*(*header.as_ptr()).link.get()).pending,
                next,
            );
        }
    }
}
