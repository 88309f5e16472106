// SPDX-License-Identifier: GPL-2.0

//! The registered part of an object, and how long the object lives.

use super::{
    call_rcu,
    REGISTRY, //
};
use crate::bindings;
use core::{
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::{
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed, //
    },
    types::Opaque, //
};

/// What the registry may ask of the object an [`Entry`] is part of.
pub(crate) struct EntryOps {
    /// Has the object call nothing of the driver's any more, but for what runs,
    /// and start nothing.
    ///
    /// Process context. Called once at most, with a reference held, after the
    /// entry has been marked dead.
    pub(crate) stop: unsafe fn(NonNull<Entry>),
    /// Waits for what runs.
    ///
    /// Process context, may sleep. Called a grace period after `stop`, with a
    /// reference held.
    pub(crate) quiesce: unsafe fn(NonNull<Entry>),
    /// Whether the kernel still uses the object, although no reference is left
    /// and a grace period has passed, or it was stopped that long ago. It is then
    /// asked again after another. What can be stopped without waiting, is.
    ///
    /// Softirq, or process context with the registry's lock held.
    pub(crate) is_busy: unsafe fn(NonNull<Entry>) -> bool,
    /// Frees the object, of which no reference is left, a grace period after the
    /// last one went.
    ///
    /// Softirq.
    pub(crate) free: unsafe fn(NonNull<Entry>),
}

/// As many references as nobody has who does not leak them. Far enough from the
/// end that those who race to saturate the count cannot make it wrap.
const MAX_REFS: i32 = i32::MAX / 2;

/// The registered part of an object, at its start.
///
/// # Invariants
///
/// From [`Entry::register`] until it is freed, an entry is pinned, and linked in
/// [`REGISTRY`] or, if its module has gone, alone.
#[repr(C)]
pub(crate) struct Entry {
    /// Protected by the registry's lock.
    pub(super) link: Opaque<bindings::list_head>,
    rcu: Opaque<bindings::callback_head>,
    /// Valid while `gone` is clear, and until a grace period after that. See
    /// [`Self::ops`].
    ops: NonNull<EntryOps>,
    /// Handles, plus users who must find the object there when they are done. A
    /// count of zero is final; one beyond [`MAX_REFS`] is stuck there.
    pub(super) refs: Atomic<i32>,
    /// The module is going: the object is not to call the driver any more.
    pub(super) dead: Atomic<bool>,
    /// It does not, and nothing runs.
    pub(super) quiet: Atomic<bool>,
    /// The object was found idle, the last time that it was to be freed.
    idle: Atomic<bool>,
    /// The module has gone, and `ops` dangles.
    pub(super) gone: Atomic<bool>,
}

// SAFETY: `link` is only used with the registry's lock held, `rcu` only by
// whoever dropped the last reference, the rest is atomic or never written.
unsafe impl Send for Entry {}
// SAFETY: As above.
unsafe impl Sync for Entry {}

impl Entry {
    /// An entry with one reference, not yet registered.
    pub(crate) fn new(ops: &'static EntryOps) -> Self {
        Self {
            link: Opaque::uninit(),
            rcu: Opaque::zeroed(),
            ops: NonNull::from(ops),
            refs: Atomic::new(1),
            dead: Atomic::new(false),
            quiet: Atomic::new(false),
            idle: Atomic::new(false),
            gone: Atomic::new(false),
        }
    }

    /// Adds the entry to the registry.
    ///
    /// # Safety
    ///
    /// `entry` is at the start of an object of the kind that its operations
    /// expect, which is pinned, not registered yet, and freed by nothing but
    /// these operations.
    pub(crate) unsafe fn register(entry: NonNull<Entry>) {
        let _guard = REGISTRY.lock().lock();

        // SAFETY: The entry is on no list, the list's head is initialised, and
        // the lock that protects both is held.
        unsafe {
            bindings::dma_buf_rs_list_add_tail(entry.as_ref().link.get(), REGISTRY.entries.get())
        };
    }

    /// The address of the operations, by which an object belongs to a module.
    pub(super) fn owner(&self) -> usize {
        self.ops.as_ptr().addr()
    }

    /// # Safety
    ///
    /// For `'a`, the module that the object belongs to has not gone: the caller is its
    /// notifier, or `gone` was clear when the notifier had yet to wait for the caller.
    pub(super) unsafe fn ops<'a>(&self) -> &'a EntryOps {
        // SAFETY: They lie in that module, by the function's contract.
        unsafe { self.ops.as_ref() }
    }

    /// Whether the module the object belongs to is going, or has gone.
    ///
    /// False inside an RCU read-side section means that the module's text stays
    /// until the section ends.
    #[inline]
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Acquire)
    }

    /// Takes a reference, besides one that the caller has.
    #[inline]
    pub(crate) fn get(&self) {
        if self.refs.fetch_add(1, Relaxed) > MAX_REFS {
            self.saturate();
        }
    }

    /// So many references were leaked that the count must never come down again.
    #[cold]
    fn saturate(&self) {
        self.refs.store(MAX_REFS, Relaxed);
    }

    /// Takes a reference unless the last one is gone.
    pub(crate) fn try_get(&self) -> bool {
        let mut count = self.refs.load(Relaxed);

        while count != 0 {
            match self.refs.cmpxchg(count, count + 1, Full) {
                Ok(_) => return true,
                Err(current) => count = current,
            }
        }
        false
    }

    /// Drops a reference; the last one has the object freed a grace period
    /// later.
    ///
    /// Any context.
    ///
    /// # Safety
    ///
    /// The caller owns a reference and gives it up.
    #[inline]
    pub(crate) unsafe fn put(entry: NonNull<Entry>) {
        // SAFETY: The caller's reference keeps the entry valid.
        let this = unsafe { entry.as_ref() };

        let count = this.refs.fetch_sub(1, Full);
        if count >= MAX_REFS {
            this.saturate();
        } else if count == 1 {
            // SAFETY: That was the last reference, so nobody else queues this
            // head, and the object stays until the callback frees it.
            unsafe { this.reclaim_later() };
        }
    }

    /// Has [`Self::reclaim`] run after a grace period.
    ///
    /// # Safety
    ///
    /// No reference is left, and nobody else does this until it has run.
    #[inline]
    unsafe fn reclaim_later(&self) {
        // SAFETY: By the function's contract the head is free, and nothing but the
        // callback frees what it is part of.
        unsafe { call_rcu(self.rcu.get(), Some(Self::reclaim), self.owner()) };
    }

    /// The RCU callback behind [`Self::put`].
    ///
    /// Not inlined, nor instantiated anywhere else, so that it is always text of
    /// this module.
    ///
    /// # Safety
    ///
    /// `rcu` is the head of an entry without references.
    #[inline(never)]
    unsafe extern "C" fn reclaim(rcu: *mut bindings::callback_head) {
        // SAFETY: The head is part of an entry, by the function's contract.
        let entry =
            unsafe { NonNull::new_unchecked(rcu.byte_sub(offset_of!(Entry, rcu)).cast::<Entry>()) };
        // SAFETY: The entry is valid until its operations free it, below.
        let this = unsafe { entry.as_ref() };

        if this.gone.load(Acquire) {
            // Too late to be freed: only the text of the module that made it
            // could. That had leaked a handle, or given it away.
            // SAFETY: The object is from the allocator, and stays for ever.
            unsafe { bindings::dma_buf_rs_kmemleak_not_leak(entry.as_ptr().cast()) };
            return;
        }

        // SAFETY: `gone` was clear, and the module does not go before this callback is done:
        // `deferral::settle` waits for it.
        let ops = unsafe { this.ops() };
        // SAFETY: No reference is left, and a grace period has passed.
        let idle = unsafe { !(ops.is_busy)(entry) };

        // An irq_work is idle before the kernel is done with it, where it wakes
        // who waits for it, or where it runs on two CPUs and one is done; but that
        // is inside an RCU read-side section. So what is found idle is freed a
        // grace period later.
        if !idle || !this.idle.xchg(true, Relaxed) {
            this.idle.store(idle, Relaxed);
            // SAFETY: As in `put`; this callback is the head's only user.
            unsafe { this.reclaim_later() };
            return;
        }

        let guard = REGISTRY.lock().lock();
        // SAFETY: By the type invariant the entry is linked or alone, and the
        // lock is held.
        unsafe { bindings::dma_buf_rs_list_del_init(this.link.get()) };
        drop(guard);

        // SAFETY: No reference is left, a grace period has passed, the object is
        // not busy, and it is not in the registry any more.
        unsafe { (ops.free)(entry) };
    }
}
