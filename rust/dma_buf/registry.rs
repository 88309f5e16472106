// SPDX-License-Identifier: GPL-2.0

//! The objects through which the kernel may call into a driver, by module.
//!
//! A driver may leak any handle, and its module may then be unloaded while a fence still points at
//! its operations, or an irq_work at its body. So each such object is listed here. When a module is
//! unloaded, [`unload`] stops its objects, after its exit function and before its text is freed:
//! contexts complete their fences, delegates stop calling their bodies. Grace periods and
//! `rcu_barrier()` wait for code that is still running.
//!
//! An object belongs to the module that its [`TrackedOps`] lie in, which is the one that
//! instantiates the type: no driver has to name its module. A module that does not use this one has
//! no objects here, and has left none of this one's callbacks to RCU. Its unload is not delayed.
//!
//! ```text
//!   live -- module unload --> stopped -- nothing runs --> quiesced -- leaked --> abandoned
//!     |                          |                           |
//!     +------ no reference, and a grace period: freed -------+
//! ```
//!
//! C headers: [`include/linux/module.h`](srctree/include/linux/module.h),
//! [`include/linux/notifier.h`](srctree/include/linux/notifier.h)

use crate::{
    bindings,
    library,
    lock::{
        new_irq_lock,
        PreemptOff, //
    }, //
};
use core::{
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    container_of,
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
            Relaxed,
            Release, //
        },
        global_lock,
        rcu,
        Refcount,
        SpinLockIrq,
        SpinLockIrqGuard, //
    },
    types::Opaque, //
};

/// Not the kernel crate's `List`, which owns its entries. A list here does not own its entries, and
/// an entry is removed when it is freed.
type ListHead = Opaque<bindings::list_head>;

/// The operations of the registry on an object, which has a [`TrackedEntry`] at offset 0.
pub(crate) struct TrackedOps {
    /// Stops the object: from here on it starts nothing, and calls no code of the driver. Code that
    /// is running may go on.
    ///
    /// Process context. Called once at most, with a reference held, after the entry has
    /// been marked as stopped.
    pub(crate) stop: unsafe fn(NonNull<TrackedEntry>),
    /// Waits for the driver's code that is running.
    ///
    /// Process context, may sleep. Called once at most, a grace period after `stop`, with a
    /// reference held.
    pub(crate) quiesce: unsafe fn(NonNull<TrackedEntry>),
    /// Returns `true` if the kernel still uses the object, although no reference is left and a
    /// grace period has passed. If so, it is called again after another grace period. Cancels
    /// everything that can be cancelled without waiting.
    ///
    /// Softirq.
    pub(crate) is_busy: unsafe fn(NonNull<TrackedEntry>) -> bool,
    /// Frees the object, a grace period after its last reference went.
    ///
    /// Softirq.
    pub(crate) free: unsafe fn(NonNull<TrackedEntry>),
}

/// Lies at offset 0 of an object. Links it in the registry, and counts its references.
///
/// # Invariants
///
/// - From [`TrackedEntry::register`] until it is freed, an entry is pinned.
/// - `ops` is valid until the entry is abandoned and a grace period has passed.
#[repr(C)]
pub(crate) struct TrackedEntry {
    /// Links the entry in [`Entries`], under its lock.
    link: ListHead,
    /// Links the first entry of a ring in [`Entries::rings`], which an unload searches.
    ring: ListHead,
    rcu: Opaque<bindings::callback_head>,
    ops: NonNull<TrackedOps>,
    /// The references of handles, and of code that uses the object.
    refs: Refcount,
    /// The module is being unloaded: the object must not call the driver any more.
    stopped: Atomic<bool>,
    /// `is_busy` returned `false` the last time that the object was to be freed.
    idle: Atomic<bool>,
    /// The module is about to be freed, and `ops` with it.
    abandoned: Atomic<bool>,
}

// SAFETY: `link` and `ring` are only used with the registry's lock held, `rcu` only
// after the last reference was dropped, and the rest is atomic or never written.
unsafe impl Send for TrackedEntry {}
// SAFETY: As above.
unsafe impl Sync for TrackedEntry {}

/// The entries of all modules. An abandoned entry is in none of the lists.
///
/// # Invariants
///
/// - All live entries with the same operations are linked in a ring, by `link`, and one of them is
///   also in `rings`, by `ring`. To find the entries of a module, only the few rings are searched.
/// - Other entries are in `stopped` or `quiesced`, by `link`, or linked to themselves.
struct Entries {
    rings: ListHead,
    /// Stopped entries, each with a reference that [`quiesce_one`] drops. Empty unless a module is
    /// being unloaded.
    stopped: ListHead,
    /// Stopped entries that the unload does not wait for: they have been quiesced, or have no
    /// reference and are freed once they are idle. Empty unless a module is being unloaded.
    quiesced: ListHead,
}

// SAFETY: The lists are only used with the registry's lock held, on any CPU.
unsafe impl Send for Entries {}

/// Initialised by [`ModuleWatch::new`] when this module is loaded, before any module that
/// uses it can be.
struct Registry(Opaque<SpinLockIrq<Entries>>);

// SAFETY: It is used through the lock.
unsafe impl Sync for Registry {}

static REGISTRY: Registry = Registry(Opaque::uninit());

/// # Safety
///
/// Must be called once, from this module's init.
unsafe fn init() {
    let lock = new_irq_lock!(
        Entries {
            rings: Opaque::uninit(),
            stopped: Opaque::uninit(),
            quiesced: Opaque::uninit(),
        },
        c"dma_buf_rs::registry"
    );

    // SAFETY: By the function's contract the registry is not in use yet. It is static, so it is
    // pinned.
    unsafe { pin_init::raw_init(REGISTRY.0.get(), lock) };

    let entries = entries();
    // SAFETY: The heads are valid, and pinned as the registry is.
    unsafe {
        bindings::INIT_LIST_HEAD(entries.rings.get());
        bindings::INIT_LIST_HEAD(entries.stopped.get());
        bindings::INIT_LIST_HEAD(entries.quiesced.get());
    }
}

fn entries() -> SpinLockIrqGuard<'static, Entries> {
    // SAFETY: `init` has initialised the lock. Only `init` itself, the objects of modules that
    // depend on this one, and the unload of such a module lead here, and they are loaded later.
    unsafe { &*REGISTRY.0.get() }.lock()
}

/// Returns `true` if a list is empty, or a link is linked to itself.
///
/// # Safety
///
/// `list` is initialised, and the registry's lock is held.
unsafe fn is_empty(list: &ListHead) -> bool {
    // SAFETY: By the function's contract.
    unsafe { (*list.get()).next == list.get() }
}

/// # Safety
///
/// `link` is that of an entry.
unsafe fn entry_of(link: *mut bindings::list_head) -> NonNull<TrackedEntry> {
    // SAFETY: By the function's contract. An entry is not at address 0.
    unsafe { NonNull::new_unchecked(container_of!(link.cast::<ListHead>(), TrackedEntry, link)) }
}

impl Entries {
    /// Returns the entry in `rings` for which `f` returns `true`.
    fn find(&self, f: impl Fn(&TrackedEntry) -> bool) -> Option<NonNull<TrackedEntry>> {
        let head = self.rings.get();

        // SAFETY: By the type invariants listed entries are valid.
        unsafe {
            let mut ring = (*head).next;

            while ring != head {
                let entry = container_of!(ring.cast::<ListHead>(), TrackedEntry, ring);

                if f(&*entry) {
                    return NonNull::new(entry);
                }
                ring = (*ring).next;
            }
        }
        None
    }

    /// Adds a live entry.
    ///
    /// # Safety
    ///
    /// `entry` is valid and pinned, and stays so until it is removed. It is in no list.
    unsafe fn add(&self, entry: &TrackedEntry) {
        // SAFETY: By the function's contract and the type invariants.
        unsafe {
            bindings::INIT_LIST_HEAD(entry.link.get());
            bindings::INIT_LIST_HEAD(entry.ring.get());
            match self.find(|other| other.ops == entry.ops) {
                Some(other) => bindings::list_add_tail(entry.link.get(), other.as_ref().link.get()),
                None => bindings::list_add_tail(entry.ring.get(), self.rings.get()),
            }
        }
    }

    /// Takes an entry out of the list that it is in, if it is in one.
    ///
    /// # Safety
    ///
    /// `entry` was added.
    unsafe fn remove(&self, entry: &TrackedEntry) {
        // SAFETY: By the function's contract and the type invariants. Only a live entry can be
        // in `rings`.
        unsafe {
            if !is_empty(&entry.ring) && !is_empty(&entry.link) {
                let next = entry_of((*entry.link.get()).next);

                bindings::list_add_tail(next.as_ref().ring.get(), entry.ring.get());
            }
            bindings::dma_buf_rs_list_del_init(entry.ring.get());
            bindings::dma_buf_rs_list_del_init(entry.link.get());
        }
    }
}

impl TrackedEntry {
    /// Makes an entry with one reference that is not registered.
    pub(crate) fn new(ops: &'static TrackedOps) -> Self {
        // INVARIANT: The operations stay as long as their module.
        Self {
            link: Opaque::uninit(),
            ring: Opaque::uninit(),
            rcu: Opaque::zeroed(),
            ops: NonNull::from(ops),
            refs: Refcount::new(1),
            stopped: Atomic::new(false),
            idle: Atomic::new(false),
            abandoned: Atomic::new(false),
        }
    }

    /// Adds the entry to the registry.
    ///
    /// # Safety
    ///
    /// `entry` is at offset 0 of an object of the type that its operations are for. The object is
    /// pinned, not registered yet, and freed by nothing but these operations.
    pub(crate) unsafe fn register(entry: NonNull<TrackedEntry>) {
        // SAFETY: By the function's contract. The entry is removed before it is freed.
        unsafe { entries().add(entry.as_ref()) };
    }

    /// Returns the address of the operations, by which an object belongs to a module.
    fn owner(&self) -> usize {
        self.ops.as_ptr().addr()
    }

    /// # Safety
    ///
    /// For `'a`, the module that the object belongs to is not freed: the caller is [`unload`], or
    /// has found `abandoned` clear in code that [`unload`] waits for.
    unsafe fn ops<'a>(&self) -> &'a TrackedOps {
        // SAFETY: The operations lie in that module, which stays by the function's contract.
        unsafe { self.ops.as_ref() }
    }

    /// Returns `true` if the module that the object belongs to is being unloaded, or is gone. If
    /// this returns `false` inside an RCU read-side section, the module's text stays until the
    /// section ends. Modelled in `registry/stopped.litmus`.
    #[inline]
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Acquire)
    }

    /// Takes a reference, besides one that the caller has.
    ///
    /// Leaking 2^31 references saturates the count: `refcount_t` warns once, and the object
    /// is never freed.
    #[inline]
    pub(crate) fn get(&self) {
        self.refs.inc();
    }

    /// `refcount_inc_not_zero()`, which the kernel crate lacks.
    pub(crate) fn try_get(&self) -> bool {
        let refs = self.refs.as_atomic();
        let mut count = refs.load(Relaxed);

        while count != 0 {
            // A negative count is a saturated one, and stays: the object is never freed.
            if count < 0 {
                return true;
            }
            match refs.cmpxchg(count, count.wrapping_add(1), Relaxed) {
                Ok(_) => return true,
                Err(current) => count = current,
            }
        }
        false
    }

    /// Drops a reference. The object is freed a grace period after the last one.
    ///
    /// Context: any.
    ///
    /// # Safety
    ///
    /// The caller owns a reference and gives it up.
    #[inline]
    pub(crate) unsafe fn put(entry: NonNull<TrackedEntry>) {
        // SAFETY: The caller's reference keeps the entry valid.
        let this = unsafe { entry.as_ref() };

        if this.refs.dec_and_test() {
            // SAFETY: That was the last reference, so this head is queued only here, and the
            // object stays until the callback frees it.
            unsafe { this.reclaim_later() };
        }
    }

    /// Leaves [`Self::reclaim`] to RCU, to run after a grace period.
    ///
    /// # Safety
    ///
    /// No reference is left, and this is not called again before `reclaim` has run.
    #[inline]
    unsafe fn reclaim_later(&self) {
        // SAFETY: By the function's contract the head is free, and only the callback frees the
        // entry.
        unsafe { call_rcu(self.rcu.get(), Some(Self::reclaim), self.owner()) };
    }

    /// The RCU callback behind [`Self::put`].
    ///
    /// Not inlined, so that it is always text of this module.
    ///
    /// # Safety
    ///
    /// `rcu` is the head of an entry without references.
    #[inline(never)]
    unsafe extern "C" fn reclaim(rcu: *mut bindings::callback_head) {
        // SAFETY: The head is part of an entry, by the function's contract.
        let entry = unsafe {
            NonNull::new_unchecked(container_of!(
                rcu.cast::<Opaque<bindings::callback_head>>(),
                TrackedEntry,
                rcu
            ))
        };
        // SAFETY: The entry is valid until its operations free it, below.
        let this = unsafe { entry.as_ref() };

        if this.abandoned.load(Acquire) {
            // Only the text of its module could free it.
            // SAFETY: The object is from the allocator, and stays for ever.
            unsafe { bindings::dma_buf_rs_kmemleak_not_leak(entry.as_ptr().cast()) };
            return;
        }

        // SAFETY: `abandoned` was clear, and `unload` waits for this callback.
        let ops = unsafe { this.ops() };
        // SAFETY: No reference is left, and a grace period has passed.
        let idle = unsafe { !(ops.is_busy)(entry) };

        // An irq_work is idle a little before the kernel is done with it, if a task waits for it or
        // if it runs on two CPUs. The kernel is inside an RCU read-side section then. So an idle
        // object is freed one grace period later.
        if !idle || !this.idle.xchg(true, Relaxed) {
            this.idle.store(idle, Relaxed);
            // SAFETY: As in `put`; this callback is the head's only user.
            unsafe { this.reclaim_later() };
            return;
        }

        // SAFETY: `register` added the entry.
        unsafe { entries().remove(this) };

        // SAFETY: No reference is left, a grace period has passed, the object is not busy,
        // and it is not in the registry any more.
        unsafe { (ops.free)(entry) };
    }
}

/// An object that a [`TrackedBox`] can own.
///
/// # Safety
///
/// The object has its [`TrackedEntry`] at offset 0, which was made with [`TrackedBox::OPS`] of its
/// type.
pub(crate) unsafe trait Tracked: Send + Sync + Sized + 'static {
    /// See [`TrackedOps::stop`].
    fn stop(&self) {}

    /// See [`TrackedOps::quiesce`].
    ///
    /// # Safety
    ///
    /// Only the registry calls it, once for an object.
    unsafe fn quiesce(&self);

    /// See [`TrackedOps::is_busy`].
    fn is_busy(&self) -> bool;
}

/// Owns a reference to a registered object on the heap. The object is freed a grace period
/// after the last reference.
///
/// # Invariants
///
/// `object` is valid, pinned and registered, and this owns a reference to its entry.
pub(crate) struct TrackedBox<T: Tracked> {
    object: NonNull<T>,
    _owns: PhantomData<T>,
}

// SAFETY: The object is `Send` and `Sync`, and its entry may be put anywhere.
unsafe impl<T: Tracked> Send for TrackedBox<T> {}
// SAFETY: As above.
unsafe impl<T: Tracked> Sync for TrackedBox<T> {}

// Moving the box does not move the object.
impl<T: Tracked> Unpin for TrackedBox<T> {}

impl<T: Tracked> TrackedBox<T> {
    /// The operations of an object's entry. The object belongs to the module that these lie in,
    /// which is the one that instantiates the type.
    pub(crate) const OPS: &'static TrackedOps = &TrackedOps {
        // SAFETY: By the trait's contract, here and below, the entry is at offset 0 of a `T`, which
        // by the contract of these operations is valid.
        stop: |entry| unsafe { entry.cast::<T>().as_ref() }.stop(),
        // SAFETY: As above. Only the registry calls this.
        quiesce: |entry| unsafe { entry.cast::<T>().as_ref().quiesce() },
        // SAFETY: As above.
        is_busy: |entry| unsafe { entry.cast::<T>().as_ref() }.is_busy(),
        free: Self::free,
    };

    /// Makes an object and registers it.
    ///
    /// Context: process; may sleep.
    pub(crate) fn new(init: impl PinInit<T, Error>) -> Result<Self> {
        let object = KBox::try_pin_init(init, GFP_KERNEL)?;
        // SAFETY: The memory stays where it is until `free` frees it, and a box is not null.
        let object =
            unsafe { NonNull::new_unchecked(KBox::into_raw(Pin::into_inner_unchecked(object))) };

        // SAFETY: By the trait's contract the object has its entry at offset 0. It is pinned.
        unsafe { TrackedEntry::register(object.cast()) };
        // INVARIANT: The object was just made and registered. The entry's first reference is the
        // box's.
        Ok(Self {
            object,
            _owns: PhantomData,
        })
    }

    /// Borrows the object.
    #[inline]
    pub(crate) fn get(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { self.object.as_ref() }
    }

    /// Returns the object, for a caller that takes a reference to its entry.
    #[inline]
    pub(crate) fn as_ptr(&self) -> NonNull<T> {
        self.object
    }

    /// [`TrackedOps::free`].
    ///
    /// # Safety
    ///
    /// `entry` is at offset 0 of a valid `T` that came from [`Self::new`], and is not used any
    /// more.
    pub(crate) unsafe fn free(entry: NonNull<TrackedEntry>) {
        // SAFETY: It came from `KBox::into_raw` in `new`, and is not used any more.
        drop(unsafe { KBox::from_raw(entry.cast::<T>().as_ptr()) });
    }
}

impl<T: Tracked> Drop for TrackedBox<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the box owns the reference.
        unsafe { TrackedEntry::put(self.object.cast()) };
    }
}

/// The number of entries that are abandoned at a time with interrupts off.
const BATCH: usize = 256;

global_lock! {
    // SAFETY: Initialised by `ModuleWatch::new` when this module is loaded.
    /// Serialises [`unload`].
    unsafe(uninit) static UNLOAD: Mutex<()> = ();
}

/// The module notifier, which is registered as long as this exists.
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
    /// Initialises the registry and registers the notifier.
    ///
    /// # Safety
    ///
    /// Must be called once, from this module's init.
    pub(crate) unsafe fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            notifier <- Opaque::try_ffi_init(|slot: *mut bindings::notifier_block| {
                // SAFETY: By the function's contract.
                unsafe {
                    init();
                    UNLOAD.init();
                }

                // SAFETY: `slot` is valid for writes, and pinned until the drop unregisters it.
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
        let module = module.cast();

        // SAFETY: By the function's contract. This is process context, and this module stays until
        // the notifier is unregistered.
        unsafe {
            if state == bindings::module_state_MODULE_STATE_GOING as c_ulong
                && bindings::dma_buf_rs_module_uses(module, library::this_module())
            {
                unload(module);
            }
        }
        0
    }
}

#[pinned_drop]
impl PinnedDrop for ModuleWatch {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: `new` registered the notifier.
        unsafe { bindings::unregister_module_notifier(self.notifier.get()) };

        // All users are gone, as they depend on this module. RCU callbacks that they have left run
        // in this module's text.
        rcu::rcu_barrier();
    }
}

/// Stops the objects of `module`, and waits until none of its code runs. May sleep.
///
/// # Safety
///
/// `module` is valid, and its text has not been freed.
unsafe fn unload(module: *mut bindings::module) {
    let _guard = UNLOAD.lock();

    // `call_rcu` uses the module until the grace period at the end.
    GOING_MODULE.store(module, Release);
    loop {
        // SAFETY: By the function's contract.
        while unsafe { stop_one(module) } {}

        if has_stopped() {
            // Waits for CPUs that saw an entry before it was stopped, and so run the driver's code,
            // or queue or start something.
            rcu::synchronize_rcu();
            // SAFETY: The entries are those of the module, stopped a grace period ago.
            while unsafe { quiesce_one() } {}
            // A body that was still running may have registered new objects.
            continue;
        }

        // Frees objects that were dropped, with the objects that they drop in turn. Their drop may
        // register new ones, too. When no entry is left, no code of the driver is called any more,
        // unless the last reference to an entry was dropped just now, and that entry is being
        // freed.
        if wait_for_rcu() && !abandon() && !callback_queued() {
            break;
        }
    }
    GOING_MODULE.store(ptr::null_mut(), Release);
    // Other CPUs may still use the module in `note_callback`. And its destructors may have left
    // callbacks of their own to RCU, for which its exit could not wait.
    rcu::synchronize_rcu();
    rcu::rcu_barrier();

    library::update_module_ref();
}

/// Stops a live entry of `module`. Returns `false` if there is none.
///
/// # Safety
///
/// As for [`unload`].
unsafe fn stop_one(module: *mut bindings::module) -> bool {
    let entries = entries();
    // SAFETY: By the function's contract.
    let belongs_to_module =
        |entry: &TrackedEntry| unsafe { bindings::dma_buf_rs_within_module(entry.owner(), module) };
    let Some(entry) = entries.find(belongs_to_module) else {
        return false;
    };
    // SAFETY: Listed entries are valid.
    let this = unsafe { entry.as_ref() };
    // An entry without references is about to be freed, once `is_busy` finds nothing of it queued
    // or running.
    let is_kept = this.try_get();

    this.stopped.store(true, Release);
    // SAFETY: The entry was added. After its removal it is in no list.
    unsafe {
        entries.remove(this);
        let list = if is_kept {
            entries.stopped.get()
        } else {
            entries.quiesced.get()
        };

        bindings::list_add_tail(this.link.get(), list);
    }
    drop(entries);

    if is_kept {
        // SAFETY: A reference is held. The entry was live, so it was not stopped before.
        unsafe { (this.ops().stop)(entry) };
    }
    true
}

fn has_stopped() -> bool {
    // SAFETY: The registry is locked.
    unsafe { !is_empty(&entries().stopped) }
}

/// Waits for the code of an entry that [`stop_one`] has stopped, and drops the reference that it
/// took. Returns `false` if there is none.
///
/// # Safety
///
/// As for [`unload`]. The stopped entries were stopped a grace period ago.
unsafe fn quiesce_one() -> bool {
    let entries = entries();

    // SAFETY: The registry is locked.
    if unsafe { is_empty(&entries.stopped) } {
        return false;
    }
    // SAFETY: Listed entries are valid. A stopped entry was added, and has a reference.
    let entry = unsafe { entry_of((*entries.stopped.get()).next) };
    // SAFETY: As above.
    let this = unsafe { entry.as_ref() };

    // SAFETY: As above.
    unsafe {
        entries.remove(this);
        bindings::list_add_tail(this.link.get(), entries.quiesced.get());
    }
    drop(entries);

    // SAFETY: The reference of `stop_one` is held until it is dropped, once. `stop` was called
    // a grace period ago, by the function's contract.
    unsafe {
        (this.ops().quiesce)(entry);
        TrackedEntry::put(entry);
    }
    true
}

/// Abandons the entries that are left, which were leaked: their operations are about to be freed,
/// and another module may be loaded at their address. Returns `false` if none is left.
///
/// If this returns `true`, [`wait_for_rcu`] must follow, as a callback may be freeing an entry that
/// it has found not abandoned. Entries without references stay listed until they are freed.
fn abandon() -> bool {
    let mut has_entries = false;

    loop {
        let entries = entries();
        let head = entries.quiesced.get();
        let mut count = 0;

        // SAFETY: Listed entries are valid, and the registry is locked.
        unsafe {
            let mut link = (*head).next;

            while link != head && count < BATCH {
                let entry = entry_of(link);

                link = (*link).next;
                has_entries = true;
                if entry.as_ref().refs.as_atomic().load(Relaxed) != 0 {
                    entry.as_ref().abandoned.store(true, Release);
                    entries.remove(entry.as_ref());
                    count += 1;
                }
            }
        }
        if count < BATCH {
            return has_entries;
        }
    }
}

// A destructor of the driver's may drop another fence, whose data is then dropped a grace period
// later, and so on: one `rcu_barrier()` returns before that chain ends. So while a module is being
// unloaded, each of its callbacks that is left to RCU sets `CALLBACK_QUEUED`, and `unload` repeats
// the barrier until the flag stays clear.
//
// No barrier may come between setting the flag and the `call_rcu()`: `unload` would clear the flag
// and miss the callback. So both are in one RCU read-side section, and a grace period comes before
// each barrier. Modelled in `registry/callback.litmus`.

/// The module that is being unloaded, or null. The module is freed a grace period after this was
/// cleared.
static GOING_MODULE: Atomic<*mut bindings::module> = Atomic::new(ptr::null_mut());

/// A callback of the module that is being unloaded has been left to RCU.
static CALLBACK_QUEUED: Atomic<bool> = Atomic::new(false);

/// Calls `call_rcu()`. `callback` is a function of a driver or uses its operations, which are at
/// address `driver`.
///
/// Context: any.
///
/// # Safety
///
/// As for `call_rcu()`.
#[inline]
pub(crate) unsafe fn call_rcu(
    head: *mut bindings::callback_head,
    callback: bindings::rcu_callback_t,
    driver: usize,
) {
    let reader = PreemptOff::begin();

    if !GOING_MODULE.load(Relaxed).is_null() {
        note_callback(driver, &reader);
    }
    // SAFETY: By the function's contract.
    unsafe { bindings::call_rcu(head, callback) };
}

#[cold]
#[inline(never)]
fn note_callback(driver: usize, _reader: &PreemptOff) {
    let module = GOING_MODULE.load(Acquire);

    // SAFETY: `unload` waits for a grace period after it has cleared this, before the module
    // is freed.
    if !module.is_null() && unsafe { bindings::dma_buf_rs_within_module(driver, module) } {
        CALLBACK_QUEUED.store(true, Release);
    }
}

/// Waits for all callbacks that have been left to RCU. Returns `true` if no callback of the module
/// that is being unloaded was left meanwhile. [`callback_queued`] tells if one is left after that.
///
/// Context: process; may sleep.
fn wait_for_rcu() -> bool {
    CALLBACK_QUEUED.store(false, Relaxed);
    // A caller that set the flag before it was cleared here, or that saw no module being unloaded,
    // has queued its callback by the end of the grace period. The barrier waits for these
    // callbacks, so it returns after they have set the flag in turn, if they do.
    rcu::synchronize_rcu();
    rcu::rcu_barrier();
    !callback_queued()
}

/// Returns `true` if a callback of the module that is being unloaded has been left to RCU since
/// [`wait_for_rcu`] began.
fn callback_queued() -> bool {
    CALLBACK_QUEUED.load(Acquire)
}
