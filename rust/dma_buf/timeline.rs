// SPDX-License-Identifier: GPL-2.0

//! The core of a fence context: its pending fences, and their order.
//!
//! Not generic: whatever the driver's types, this is one piece of code, and what
//! the kernel calls of it is this module's text.
//!
//! # Order
//!
//! Fences of one context signal in the order of their sequence numbers. A
//! reservation object, or a merge, keeps only the latest of a context, so a
//! later fence that signals first would make its waiters forget an earlier one
//! that has not. A fence completed early is *done*: its result is fixed, and it
//! signals as soon as all before it have.
//!
//! # Lifetime
//!
//! A pending fence finds its timeline without holding a reference to it:
//!
//! - A fence that has not signalled is on the list of its timeline.
//! - A timeline whose handle goes first completes all that are on its list, and
//!   is then freed, a grace period later.
//!
//! So whoever sees the SIGNALED flag clear, inside an RCU read-side section,
//! knows that the timeline is there until that section ends. Nothing is counted
//! per fence, and a leaked handle keeps nothing alive but its own fence.
//!
//! The driver's operations lie in the module that made the timeline, which may go
//! while another one still has the handle. It closes the timeline first, and on a
//! closed one nothing of that module's is used: a fence published there has
//! [`ops::CLOSED_OPS`], and what drops its data is of whoever publishes it.
//!
//! # Locks
//!
//! timeline's lock -> fence's lock -> what callbacks take. Never the reverse: an
//! operation of the driver's, which the core may call with the fence's lock held,
//! only notes its finding in the fence, and has the `reap` irq_work complete it
//! in order. So the core itself never signals a fence of ours. And `reap` asks the
//! driver about those before it with no lock held, not even the timeline's.

mod complete;
mod drain;
mod ops;
mod place;
mod publish;
mod reap;
mod watchdog;

pub(crate) use ops::{
    PollFn,
    TimelineOps, //
};

use crate::{
    bindings,
    header::Header,
    lock::{
        irq_lock_class,
        IrqLock, //
    },
    lockdep::DomainSection,
    options::ContextOptions,
    registry::Entry,
    section::Annotation, //
};
use core::{
    cell::UnsafeCell,
    mem::offset_of,
    ops::ControlFlow,
    ptr::NonNull, //
};
use kernel::{
    ffi::c_char,
    prelude::*,
    str::{
        CStrExt,
        CString, //
    },
    sync::atomic::Atomic,
    types::Opaque, //
};
use watchdog::Watchdog;

/// Protected by the timeline's lock.
struct Inner {
    /// The highest sequence number published.
    last: u64,
    /// The highest sequence number that has signalled, or was to; only kept up if
    /// `chosen`, or else none that has passed can be.
    passed: u64,
    /// Sequence numbers have been given out here.
    gives_out: bool,
    /// Sequence numbers have been chosen by the caller, so fences may share one, and
    /// they need not be published in order.
    chosen: bool,
    /// Nothing new gets onto the list.
    closed: bool,
}

/// See the module.
///
/// # Invariants
///
/// - `pending` holds the headers of the fences published here and not signalled,
///   by rising sequence number, each with a reference that the list owns. It is
///   used only with `lock` held. While whoever holds that signals fences from its
///   front, its head is still linked to those, which may be gone; its rest is not.
#[pin_data]
#[repr(C)]
pub(crate) struct Timeline {
    pub(crate) entry: Entry,
    #[pin]
    lock: IrqLock,
    #[pin]
    pending: Opaque<bindings::list_head>,
    inner: UnsafeCell<Inner>,
    /// Completes what an operation found to be done, where the list's lock may
    /// be taken, and signals what is complete, where that is much.
    #[pin]
    reap: Opaque<bindings::irq_work>,
    /// Valid while the timeline is not closed, and for a grace period after that; then
    /// the module that it lies in may go. See [`Self::ops`].
    ops: NonNull<TimelineOps>,
    /// That of `ops`. On a closed timeline nothing is on the list to call it for.
    drop_data: bindings::rcu_callback_t,
    context: u64,
    driver_name: CString,
    timeline_name: CString,
    options: ContextOptions,
    /// Completes what is pending for too long.
    #[pin]
    watchdog: Watchdog,
    /// A dropped fence has been complained about.
    complained: Atomic<bool>,
}

// SAFETY: All that changes is atomic or protected by `lock`.
unsafe impl Send for Timeline {}
// SAFETY: As above.
unsafe impl Sync for Timeline {}

impl Timeline {
    pub(crate) fn new(
        entry: Entry,
        ops: &'static TimelineOps,
        context: u64,
        driver_name: CString,
        timeline_name: CString,
        options: ContextOptions,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            entry,
            lock <- IrqLock::new(irq_lock_class!(c"dma_buf_rs::FenceContext")),
            pending <- Opaque::ffi_init(|slot: *mut bindings::list_head| {
                // SAFETY: `slot` is valid for writes, and stays where it is.
                unsafe { slot.write(bindings::list_head { next: slot, prev: slot }) }
            }),
            inner: UnsafeCell::new(Inner {
                last: options.first_seqno - 1,
                passed: options.first_seqno - 1,
                gives_out: false,
                chosen: false,
                closed: false,
            }),
            reap <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::dma_buf_rs_init_irq_work(slot, Some(Self::reap)) }
            }),
            drop_data: ops.drop_data,
            ops: NonNull::from(ops),
            context,
            driver_name,
            timeline_name,
            options,
            watchdog <- Watchdog::new(),
            complained: Atomic::new(false),
        })
    }

    #[inline]
    pub(crate) fn context(&self) -> u64 {
        self.context
    }

    /// What the timeline knows of the driver's types.
    ///
    /// # Safety
    ///
    /// For `'a`, the lock is held and the timeline is not closed; or RCU is read-locked,
    /// and the timeline was not closed inside that section; or the caller is one that
    /// [`Self::sync`] waits for.
    #[inline]
    unsafe fn ops<'a>(&self) -> &'a TimelineOps {
        // SAFETY: By the function's contract, the module that the operations lie in closes
        // the timeline, waits for a grace period and calls `sync` before it goes.
        unsafe { self.ops.as_ref() }
    }

    /// Calls `f` for each fence on the list, in order, until it breaks, with the
    /// lock held.
    ///
    /// # Safety
    ///
    /// The lock is held.
    unsafe fn for_each_pending(&self, mut f: impl FnMut(NonNull<Header>) -> ControlFlow<()>) {
        let head = self.pending.get();

        // SAFETY: The list is initialised, by the function's contract it is locked, and
        // the fences on it are valid.
        unsafe {
            let mut link = (*head).next;

            while link != head {
                if f(Self::header_of(link)).is_break() {
                    break;
                }
                link = (*link).next;
            }
        }
    }

    /// The fence that is on the list by this link.
    ///
    /// # Safety
    ///
    /// `link` is on the list, and not its head.
    #[inline]
    unsafe fn header_of(link: *mut bindings::list_head) -> NonNull<Header> {
        // SAFETY: What is on the list is the `link` of a header.
        unsafe { NonNull::new_unchecked(link.byte_sub(offset_of!(Header, link)).cast::<Header>()) }
    }

    /// Cancels what is on the list, and has everything cancelled that comes.
    pub(crate) fn close(&self) {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let guard = self.lock.lock();

        // SAFETY: The lock is held.
        unsafe { (*self.inner.get()).closed = true };
        self.drain_to(&guard, u64::MAX, ECANCELED.to_errno());
        self.watchdog.rest(&guard);
    }

    /// The operation `get_driver_name`.
    ///
    /// # Safety
    ///
    /// Called by the core, on a fence of ours that is initialised, inside an RCU
    /// read-side section, unless the fence has signalled.
    #[inline(never)]
    pub(crate) unsafe extern "C" fn get_driver_name(
        fence: *mut bindings::dma_fence,
    ) -> *const c_char {
        // SAFETY: By the function's contract and the invariants of `Header`.
        // The tracepoint inside signalling comes here with the flag set, but
        // with the timeline's lock held.
        unsafe { (*fence.cast::<Header>()).timeline.as_ref() }
            .driver_name
            .as_char_ptr()
    }

    /// The operation `get_timeline_name`.
    ///
    /// # Safety
    ///
    /// As for [`Self::get_driver_name`].
    #[inline(never)]
    pub(crate) unsafe extern "C" fn get_timeline_name(
        fence: *mut bindings::dma_fence,
    ) -> *const c_char {
        // SAFETY: As in `get_driver_name`.
        unsafe { (*fence.cast::<Header>()).timeline.as_ref() }
            .timeline_name
            .as_char_ptr()
    }
}
