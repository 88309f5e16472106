// SPDX-License-Identifier: GPL-2.0

//! What a driver's operation has found complete is signalled from an irq_work: the
//! operation may be called with the fence's lock held.

use super::Timeline;
use crate::{
    bindings,
    header::{
        Header,
        PENDING, //
    },
    lockdep::DomainSection,
    section::Annotation, //
};
use core::mem::offset_of;
use kernel::sync::atomic::Full;

impl Timeline {
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

        this.drain(&guard);
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
