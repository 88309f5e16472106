// SPDX-License-Identifier: GPL-2.0

//! The objects through which the kernel may call into a driver, by module.
//!
//! A driver may leak any handle, and its module may be unloaded then, while a fence still points at
//! its operations, or an irq_work at its body. So each such object is listed here, and [`unload`]
//! stops those of a module that goes, after its exit function and before its text is freed:
//! contexts complete their fences, delegates stop calling their bodies. Grace periods and
//! `rcu_barrier()` wait for what still runs.
//!
//! An object belongs to the module that its [`TrackedOps`] lie in, where the driver's type was put
//! to use: no driver has to say which module it is. A module that does not use this one has no
//! objects here, and has left none of this one's callbacks to RCU. Its unload is not delayed.
//!
//! ```text
//!   live -- the module goes --> stopped -- nothing runs --> left -- leaked --> abandoned
//!     |                            |                          |
//!     +----- no reference, and a grace period: freed ---------+
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

/// Not the kernel crate's `List`: that owns its entries, and an entry here is in one without being
/// kept by it, and leaves it on the CPU that drops the last reference.
type ListHead = Opaque<bindings::list_head>;

/// What the registry asks of the object that a [`TrackedEntry`] starts.
pub(crate) struct TrackedOps {
    /// Stops the object: from here on it starts nothing, and calls nothing of the driver's. What
    /// runs already may go on.
    ///
    /// Process context. Called once at most, with a reference held, after the entry has
    /// been marked as stopped.
    pub(crate) stop: unsafe fn(NonNull<TrackedEntry>),
    /// Waits for what runs.
    ///
    /// Process context, may sleep. Called once at most, a grace period after `stop`, with a
    /// reference held.
    pub(crate) quiesce: unsafe fn(NonNull<TrackedEntry>),
    /// Returns `true` if the kernel still uses the object, although no reference is left
    /// and a grace period has passed. It is asked again after another. Stops what can be
    /// stopped without waiting.
    ///
    /// Softirq.
    pub(crate) is_busy: unsafe fn(NonNull<TrackedEntry>) -> bool,
    /// Frees the object, a grace period after its last reference went.
    ///
    /// Softirq.
    pub(crate) free: unsafe fn(NonNull<TrackedEntry>),
}

/// The start of an object, by which it is listed and its references are counted.
///
/// # Invariants
///
/// - From [`TrackedEntry::register`] until it is freed, an entry is pinned.
/// - `ops` is valid until the entry is abandoned and a grace period has passed.
#[repr(C)]
pub(crate) struct TrackedEntry {
    /// Links the entry in [`Entries`], under its lock.
    link: ListHead,
    /// Links the first of a ring in [`Entries::rings`], which an unload searches.
    ring: ListHead,
    rcu: Opaque<bindings::callback_head>,
    ops: NonNull<TrackedOps>,
    /// Of handles, and of users for which the object must stay until they are done.
    refs: Refcount,
    /// The module is going: the object must not call the driver any more.
    stopped: Atomic<bool>,
    /// The object was idle the last time that it was to be freed.
    idle: Atomic<bool>,
    /// The module is gone, and `ops` with it.
    abandoned: Atomic<bool>,
}

// SAFETY: `link` and `ring` are only used with the registry's lock held, `rcu` only
// after the last reference was dropped, and the rest is atomic or never written.
unsafe impl Send for TrackedEntry {}
// SAFETY: As above.
unsafe impl Sync for TrackedEntry {}

/// The entries of all modules. One that is abandoned is in none of the lists.
///
/// # Invariants
///
/// - All live entries with the same operations are linked in a ring, by `link`, and one of
///   them is also in `rings`, by `ring`. A module is looked for among the few rings.
/// - Other entries are in `stopped` or `left`, by `link`, or linked to themselves.
struct Entries {
    rings: ListHead,
    /// Stopped, each with a reference that is dropped when nothing runs any more. Empty
    /// unless a module goes.
    stopped: ListHead,
    /// Not even running, and not freed yet. Empty unless a module goes.
    left: ListHead,
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
/// Only to be called once, from this module's init.
unsafe fn init() {
    let lock = new_irq_lock!(
        Entries {
            rings: Opaque::uninit(),
            stopped: Opaque::uninit(),
            left: Opaque::uninit(),
        },
        c"dma_buf_rs::registry"
    );

    // SAFETY: By the function's contract it is not in use yet, and it is static.
    unsafe { pin_init::raw_init(REGISTRY.0.get(), lock) };

    let entries = entries();
    // SAFETY: The heads are valid, and pinned as the registry is.
    unsafe {
        bindings::INIT_LIST_HEAD(entries.rings.get());
        bindings::INIT_LIST_HEAD(entries.stopped.get());
        bindings::INIT_LIST_HEAD(entries.left.get());
    }
}

fn entries() -> SpinLockIrqGuard<'static, Entries> {
    // SAFETY: `init` ran before anything of this module could make an entry.
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

        // SAFETY: By the type invariants; what is listed is valid.
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
        // INVARIANT: As long as the module is there, its operations are.
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
    /// `entry` is at the start of an object of the type that its operations are for. The
    /// object is pinned, not registered yet, and freed by nothing but these operations.
    pub(crate) unsafe fn register(entry: NonNull<TrackedEntry>) {
        // SAFETY: By the function's contract; it is removed before it is freed.
        unsafe { entries().add(entry.as_ref()) };
    }

    /// Returns the address of the operations, by which an object belongs to a module.
    fn owner(&self) -> usize {
        self.ops.as_ptr().addr()
    }

    /// # Safety
    ///
    /// For `'a`, the module that the object belongs to has not gone: the caller is its
    /// notifier, or `abandoned` was clear when the notifier had yet to wait for the caller.
    unsafe fn ops<'a>(&self) -> &'a TrackedOps {
        // SAFETY: They lie in that module, by the function's contract.
        unsafe { self.ops.as_ref() }
    }

    /// Returns `true` if the module that the object belongs to goes, or has gone. If this returns
    /// `false` inside an RCU read-side section, the module's text stays until the section ends.
    /// Modelled in `registry/stopped.litmus`.
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
        // SAFETY: By the function's contract the head is free, and nothing but the
        // callback frees what it is part of.
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
            // Only the text of the module that made it could free it.
            // SAFETY: The object is from the allocator, and stays for ever.
            unsafe { bindings::dma_buf_rs_kmemleak_not_leak(entry.as_ptr().cast()) };
            return;
        }

        // SAFETY: `abandoned` was clear, and the module does not go before this callback
        // is done: `unload` waits for it.
        let ops = unsafe { this.ops() };
        // SAFETY: No reference is left, and a grace period has passed.
        let idle = unsafe { !(ops.is_busy)(entry) };

        // An irq_work is idle before the kernel is done with it, where it wakes the task that waits
        // for it, or runs on two CPUs; but that is inside an RCU read-side section. So what is idle
        // is freed a grace period later.
        if !idle || !this.idle.xchg(true, Relaxed) {
            this.idle.store(idle, Relaxed);
            // SAFETY: As in `put`; this callback is the head's only user.
            unsafe { this.reclaim_later() };
            return;
        }

        // SAFETY: It was added by `register`.
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
/// The object starts with its [`TrackedEntry`], which was made with [`TrackedBox::OPS`] of its
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

// A handle is a pointer; what it points to stays where it is.
impl<T: Tracked> Unpin for TrackedBox<T> {}

impl<T: Tracked> TrackedBox<T> {
    /// The operations of an object's entry. The object belongs to the module that these lie
    /// in, which is the one that puts the type to use.
    pub(crate) const OPS: &'static TrackedOps = &TrackedOps {
        // SAFETY: By the trait's contract, here and below, the entry starts a `T`, which the
        // callers of these operations know to be valid.
        stop: |entry| unsafe { entry.cast::<T>().as_ref() }.stop(),
        // SAFETY: As above; this is the registry.
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

        // SAFETY: The object starts with its entry, by the trait's contract, and is pinned.
        unsafe { TrackedEntry::register(object.cast()) };
        // INVARIANT: Just made and registered; the entry's first reference.
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
    /// `entry` starts a valid `T` that came from [`Self::new`], and is not used any more.
    pub(crate) unsafe fn free(entry: NonNull<TrackedEntry>) {
        // SAFETY: It came from `KBox::into_raw` in `new`, and is not used any more.
        drop(unsafe { KBox::from_raw(entry.cast::<T>().as_ptr()) });
    }
}

impl<T: Tracked> Drop for TrackedBox<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is ours.
        unsafe { TrackedEntry::put(self.object.cast()) };
    }
}

/// How many entries are abandoned before interrupts are on again.
const BATCH: usize = 256;

global_lock! {
    // SAFETY: Initialised by `ModuleWatch::new` when this module is loaded.
    /// Held while a module that uses this one goes: one at a time.
    unsafe(uninit) static UNLOAD: Mutex<()> = ();
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
    /// # Safety
    ///
    /// Only to be called once, from this module's init.
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

        // SAFETY: By the function's contract; this is process context, and as long as this
        // runs, this module stays.
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
        // SAFETY: Registered by `new`.
        unsafe { bindings::unregister_module_notifier(self.notifier.get()) };

        // All users have gone, as they depend on this module. What they queued runs in
        // this module's text.
        rcu::rcu_barrier();
    }
}

/// Stops what belongs to `module`, and waits until nothing of it runs. May sleep.
///
/// # Safety
///
/// `module` is valid, and its text has not been freed.
unsafe fn unload(module: *mut bindings::module) {
    let _one = UNLOAD.lock();

    // So `call_rcu` looks at it only until the grace period at the end.
    GOING.store(module, Release);
    loop {
        // SAFETY: By the function's contract.
        while unsafe { stop_one(module) } {}

        if has_stopped() {
            // A CPU that saw an entry alive, and so ran the driver's code or armed something,
            // is done after this.
            rcu::synchronize_rcu();
            // SAFETY: The entries are those of the module, stopped a grace period ago.
            while unsafe { wait_for_one() } {}
            // A body that still ran may have registered something new.
            continue;
        }

        // What was dropped is freed, with all that it drops in turn, and that may register
        // something, too. When no entry is left, nothing of the driver's is called any more, unless
        // the last reference to an entry was dropped just now: that entry is being freed.
        if wait_for_rcu() && !abandon() && !is_marked() {
            break;
        }
    }
    GOING.store(ptr::null_mut(), Release);
    // Other CPUs may still look at the module. And its destructors may have left callbacks of
    // their own to RCU, for which its exit could not wait.
    rcu::synchronize_rcu();
    rcu::rcu_barrier();

    library::keep();
}

/// Stops a live entry of `module`. Returns `false` if there is none.
///
/// # Safety
///
/// As for [`unload`].
unsafe fn stop_one(module: *mut bindings::module) -> bool {
    let entries = entries();
    // SAFETY: By the function's contract.
    let is_its =
        |entry: &TrackedEntry| unsafe { bindings::dma_buf_rs_within_module(entry.owner(), module) };
    let Some(entry) = entries.find(is_its) else {
        return false;
    };
    // SAFETY: What is listed is valid.
    let this = unsafe { entry.as_ref() };
    // One without references is about to be freed. What it has queued or set is stopped or
    // waited for before that.
    let is_kept = this.try_get();

    this.stopped.store(true, Release);
    // SAFETY: The entry was added, and is in no list when it has been removed.
    unsafe {
        entries.remove(this);
        let list = if is_kept {
            entries.stopped.get()
        } else {
            entries.left.get()
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

/// Waits for what [`stop_one`] has stopped, and drops the reference that it took. Returns
/// `false` if there is nothing to wait for.
///
/// # Safety
///
/// As for [`unload`]; what is in the list was stopped a grace period ago.
unsafe fn wait_for_one() -> bool {
    let entries = entries();

    // SAFETY: The registry is locked.
    if unsafe { is_empty(&entries.stopped) } {
        return false;
    }
    // SAFETY: What is listed is valid, and what is stopped was added, and has a reference.
    let entry = unsafe { entry_of((*entries.stopped.get()).next) };
    // SAFETY: As above.
    let this = unsafe { entry.as_ref() };

    // SAFETY: As above.
    unsafe {
        entries.remove(this);
        bindings::list_add_tail(this.link.get(), entries.left.get());
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

/// Abandons the entries that are left, which were leaked: their operations are about to vanish, and
/// another module may be loaded to where they were. Returns `false` if none was left.
///
/// Afterwards [`wait_for_rcu`] is due: one that is being freed just now may have seen that it was
/// not abandoned. One without references stays until it is freed.
fn abandon() -> bool {
    let mut any = false;

    loop {
        let entries = entries();
        let head = entries.left.get();
        let mut count = 0;

        // SAFETY: What is listed is valid, and the registry is locked.
        unsafe {
            let mut link = (*head).next;

            while link != head && count < BATCH {
                let entry = entry_of(link);

                link = (*link).next;
                any = true;
                if entry.as_ref().refs.as_atomic().load(Relaxed) != 0 {
                    entry.as_ref().abandoned.store(true, Release);
                    entries.remove(entry.as_ref());
                    count += 1;
                }
            }
        }
        if count < BATCH {
            return any;
        }
    }
}

// A destructor of the driver's may drop another fence, whose data is then dropped a grace period
// later, and so on: one `rcu_barrier()` returns before that chain ends. So while a module goes,
// each callback of its is marked that is left to RCU, and there are barriers until none was.
//
// No barrier may come between the mark and the `call_rcu()`: it would take the mark for its
// own, and miss the callback. Both are in one RCU read-side section, and before each barrier
// comes a grace period. Modelled in `registry/mark.litmus`.

/// The module that goes, or null. The module is freed a grace period after this has been cleared.
static GOING: Atomic<*mut bindings::module> = Atomic::new(ptr::null_mut());

/// A callback of the module that goes has been left to RCU.
static MARKED: Atomic<bool> = Atomic::new(false);

/// `call_rcu()` of `callback`, which is a function of a driver's, or will use its
/// operations, at address `driver`.
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

    if !GOING.load(Relaxed).is_null() {
        mark(driver, &reader);
    }
    // SAFETY: By the function's contract.
    unsafe { bindings::call_rcu(head, callback) };
}

#[cold]
#[inline(never)]
fn mark(driver: usize, _reader: &PreemptOff) {
    let module = GOING.load(Acquire);

    // SAFETY: `unload` waits for a grace period after it has cleared this, before the module
    // is freed.
    if !module.is_null() && unsafe { bindings::dma_buf_rs_within_module(driver, module) } {
        MARKED.store(true, Release);
    }
}

/// Waits for all callbacks that have been left to RCU. Returns `true` if none of the module
/// that goes has been left meanwhile: then the objects known here lead to no more, and
/// [`is_marked`] tells of what others do.
///
/// Context: process; may sleep.
fn wait_for_rcu() -> bool {
    MARKED.store(false, Relaxed);
    // A caller that made a mark before this has queued the callback by the end of the grace
    // period, and so has one that saw no module going. The barrier waits for these
    // callbacks, so it returns after any mark that they make in turn.
    rcu::synchronize_rcu();
    rcu::rcu_barrier();
    !is_marked()
}

/// Returns `true` if a callback of the module that goes has been left to RCU since
/// [`wait_for_rcu`] began.
fn is_marked() -> bool {
    MARKED.load(Acquire)
}
