// SPDX-License-Identifier: GPL-2.0

//! What is left of a driver when its module goes.
//!
//! A driver may forget any handle: safe Rust lets it. Then its module is
//! unloaded, and a fence still points at its operations, an irq_work at its
//! closure. So everything of this crate through which the kernel could call
//! into a driver is an [`Entry`] in one list, and when a module goes, after its
//! exit function and before its text is freed, each entry that belongs to it is
//! made quiet: contexts complete their fences, work types stop calling their
//! bodies. A grace period and `rcu_barrier()` then see off what still runs.
//!
//! An entry belongs to the module that its [`EntryOps`] lie in. They are made
//! by generic code, so they lie where the driver's type was put to use: no
//! driver has to say who it is, and none can say it wrongly.
//!
//! C headers: [`include/linux/module.h`](srctree/include/linux/module.h),
//! [`include/linux/notifier.h`](srctree/include/linux/notifier.h)

use crate::{
    bindings,
    lock::{
        irq_lock_class,
        IrqLock, //
    }, //
};
use core::{
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        rcu, //
    },
    types::Opaque, //
};

/// What the registry may ask of the object an [`Entry`] is part of.
pub(crate) struct EntryOps {
    /// Makes the object quiet: when this returns, and a grace period has passed,
    /// the kernel calls nothing of the driver's through it any more.
    ///
    /// Process context, may sleep. Called once at most, with a reference held.
    pub(crate) quiesce: unsafe fn(NonNull<Entry>),
    /// Whether the kernel still uses the object, although no reference is left
    /// and a grace period has passed. It is then asked again after another.
    ///
    /// Softirq.
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
    link: Opaque<bindings::list_head>,
    rcu: Opaque<bindings::callback_head>,
    ops: &'static EntryOps,
    /// Handles, plus users who must find the object there when they are done. A
    /// count of zero is final; one beyond [`MAX_REFS`] is stuck there.
    refs: Atomic<i32>,
    /// The module is going: the object is not to call the driver any more.
    dead: Atomic<bool>,
    /// The module has gone: `ops` points nowhere.
    gone: Atomic<bool>,
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
            ops,
            refs: Atomic::new(1),
            dead: Atomic::new(false),
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
            bindings::dma_buf_rs_list_add_tail(
                entry.as_ref().link.get(),
                REGISTRY.entries.get(),
            )
        };
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
    fn try_get(&self) -> bool {
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
    pub(crate) unsafe fn put(entry: NonNull<Entry>) {
        // SAFETY: The caller's reference keeps the entry valid.
        let this = unsafe { entry.as_ref() };

        let count = this.refs.fetch_sub(1, Full);
        if count >= MAX_REFS {
            this.saturate();
        } else if count == 1 {
            // SAFETY: That was the last reference, so nobody else queues this
            // head, and the object stays until the callback frees it.
            unsafe { bindings::call_rcu(this.rcu.get(), Some(Self::reclaim)) };
        }
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
        let entry = unsafe {
            NonNull::new_unchecked(rcu.byte_sub(offset_of!(Entry, rcu)).cast::<Entry>())
        };
        // SAFETY: The entry is valid until its operations free it, below.
        let this = unsafe { entry.as_ref() };

        if this.gone.load(Acquire) {
            // Too late to be freed: only the driver's text could. It had
            // leaked a handle.
            return;
        }

        // SAFETY: No reference is left, and a grace period has passed. The
        // operations are there, as the module does not go before this is done.
        if unsafe { (this.ops.is_busy)(entry) } {
            // SAFETY: As in `put`; this callback is the head's only user.
            unsafe { bindings::call_rcu(rcu, Some(Self::reclaim)) };
            return;
        }

        let guard = REGISTRY.lock().lock();
        // SAFETY: By the type invariant the entry is linked or alone, and the
        // lock is held.
        unsafe { bindings::dma_buf_rs_list_del_init(this.link.get()) };
        drop(guard);

        // SAFETY: No reference is left, a grace period has passed, the object is
        // not busy, and it is not in the registry any more.
        unsafe { (this.ops.free)(entry) };
    }
}

/// All entries of all modules.
struct Registry {
    lock: Opaque<IrqLock>,
    entries: Opaque<bindings::list_head>,
}

// SAFETY: `entries` is only used with `lock` held, or before there is anyone to
// race with.
unsafe impl Sync for Registry {}

/// Initialised by [`ModuleWatch::new`] when this module is loaded, before any
/// module that uses it can be.
static REGISTRY: Registry = Registry {
    lock: Opaque::uninit(),
    entries: Opaque::uninit(),
};

impl Registry {
    #[inline]
    fn lock(&self) -> &IrqLock {
        // SAFETY: Initialised before any caller, see `REGISTRY`.
        unsafe { &*self.lock.get() }
    }

    /// Calls `f` for each entry that belongs to `module`, until it returns true,
    /// and returns that entry.
    ///
    /// `f` runs with the registry's lock held. It may unlink its entry.
    fn find(
        &self,
        module: *const bindings::module,
        mut f: impl FnMut(&Entry) -> bool,
    ) -> Option<NonNull<Entry>> {
        let _guard = self.lock().lock();
        let head = self.entries.get();
        // SAFETY: The list is initialised and locked.
        let mut link = unsafe { (*head).next };

        while link != head {
            // SAFETY: What is linked here is the link of a valid entry; an entry
            // leaves the list, under the lock, before it is freed.
            let (entry, next) = unsafe {
                let entry = link.byte_sub(offset_of!(Entry, link)).cast::<Entry>();
                (NonNull::new_unchecked(entry), (*link).next)
            };
            link = next;

            // SAFETY: As above; `this` is not used after the lock goes.
            let this = unsafe { entry.as_ref() };
            let owner = core::ptr::from_ref(this.ops).addr();
            // SAFETY: The notifier's caller keeps `module` valid.
            if unsafe { bindings::dma_buf_rs_within_module(owner, module) } && f(this) {
                return Some(entry);
            }
        }
        None
    }

    /// Makes everything quiet that belongs to `module`.
    ///
    /// Process context, may sleep.
    fn quiesce(&self, module: *const bindings::module) {
        // One at a time, as each may sleep. An entry without references is on
        // its way to being freed and needs no more than the barrier.
        while let Some(entry) = self.find(module, |entry| !entry.is_dead() && entry.try_get()) {
            // SAFETY: `find` took a reference.
            let this = unsafe { entry.as_ref() };

            this.dead.store(true, Release);
            // SAFETY: A reference is held, and since only this loop, which runs
            // once in a module's life, sets `dead`, this is the first time.
            unsafe { (this.ops.quiesce)(entry) };
            // SAFETY: The reference that `find` took.
            unsafe { Entry::put(entry) };
        }

        // Whoever saw an entry alive is done with it after this...
        rcu::synchronize_rcu();

        // ...and what was dropped in time has been freed after this.
        rcu::rcu_barrier();

        // What still has references was leaked. Its operations are about to
        // vanish, and another module may be loaded to where they were. What has
        // none is being freed, or was found busy and comes round again.
        loop {
            let mut again = false;

            self.find(module, |entry| {
                if entry.refs.load(Relaxed) == 0 {
                    again = true;
                } else {
                    entry.gone.store(true, Release);
                    // SAFETY: The entry is linked, and `find` holds the lock.
                    unsafe { bindings::dma_buf_rs_list_del_init(entry.link.get()) };
                }
                false
            });
            rcu::rcu_barrier();
            if !again {
                break;
            }
        }
    }
}

/// Watches for modules that go, as long as it exists.
#[pin_data(PinnedDrop)]
pub(crate) struct ModuleWatch {
    #[pin]
    notifier: Opaque<bindings::notifier_block>,
}

// SAFETY: The notifier block is only touched by the kernel, under its own lock.
unsafe impl Send for ModuleWatch {}
// SAFETY: As above.
unsafe impl Sync for ModuleWatch {}

impl ModuleWatch {
    /// Sets up the registry and starts to watch.
    ///
    /// Only to be called from this module's init.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            notifier <- Opaque::try_ffi_init(|slot: *mut bindings::notifier_block| {
                // SAFETY: This runs in the module's init, before anybody uses
                // the registry, which is static and so pinned.
                unsafe {
                    let head = REGISTRY.entries.get();
                    head.write(bindings::list_head { next: head, prev: head });
                    pin_init::raw_init(
                        REGISTRY.lock.get(),
                        IrqLock::new(irq_lock_class!(c"dma_buf_rs::registry")),
                    );
                }

                // SAFETY: `slot` is valid for writes, and pinned until the drop
                // unregisters it.
                unsafe {
                    slot.write(bindings::notifier_block {
                        notifier_call: Some(Self::notify),
                        ..pin_init::zeroed()
                    });
                    to_result(bindings::register_module_notifier(slot))
                }
            }),
        }? Error)
    }

    /// The module notifier.
    ///
    /// # Safety
    ///
    /// Called by the module loader with a pointer to a `struct module`.
    unsafe extern "C" fn notify(
        _block: *mut bindings::notifier_block,
        state: c_ulong,
        module: *mut c_void,
    ) -> c_int {
        if state == bindings::module_state_MODULE_STATE_GOING as c_ulong {
            REGISTRY.quiesce(module.cast());
        }
        0
    }
}

#[pinned_drop]
impl PinnedDrop for ModuleWatch {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Registered by `new`.
        unsafe { bindings::unregister_module_notifier(self.notifier.get()) };

        // All users have gone, as they depend on this module. What they queued
        // runs in this module's text.
        rcu::rcu_barrier();
    }
}
