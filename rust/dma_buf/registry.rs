// SPDX-License-Identifier: GPL-2.0

//! The objects through which the kernel may call into a driver, by module.
//!
//! A driver may leak any handle, by `mem::forget()`, and its module may be unloaded then, while
//! a fence still points at its operations, or an irq_work at its body. So each such object is
//! listed here, and [`unload`] stops those of a module that goes.
//!
//! An object belongs to the module that its [`TrackedOps`] lie in. They are made by generic
//! code, so they lie where the driver's type was put to use: no driver has to say which
//! module it is, and none can get it wrong.
//!
//! ```text
//!   live -- the module goes --> stopped -- nothing runs --> left -- leaked --> abandoned
//!     |                            |                          |
//!     +----- no reference, and a grace period: freed ---------+
//! ```

mod unload;

pub(crate) use unload::{
    call_rcu,
    ModuleWatch, //
};

use crate::{
    bindings,
    lock::new_irq_lock, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    container_of,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed, //
        },
        Refcount,
        SpinLockIrq,
        SpinLockIrqGuard, //
    },
    types::Opaque, //
};

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
    /// Process context, may sleep. Called a grace period after `stop`, with a reference
    /// held.
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
    /// Links the first of a ring in [`Entries::rings`].
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

    /// Returns `true` if the module that the object belongs to goes, or has gone.
    ///
    /// If this returns `false` inside an RCU read-side section, the module's text stays
    /// until the section ends. Modelled in `registry/stopped.litmus`.
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
    /// Not inlined, nor instantiated anywhere else, so that it is always text of this
    /// module.
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

        // An irq_work is idle before the kernel is done with it, where it wakes the task
        // that waits for it, or where it runs on two CPUs and one is done; but that is
        // inside an RCU read-side section. So what is idle is freed a grace period later.
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
    fn quiesce(&self);

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
        // SAFETY: As above.
        quiesce: |entry| unsafe { entry.cast::<T>().as_ref() }.quiesce(),
        // SAFETY: As above.
        is_busy: |entry| unsafe { entry.cast::<T>().as_ref() }.is_busy(),
        free: Self::free,
    };

    /// Makes an object and registers it.
    ///
    /// Context: process; may sleep.
    pub(crate) fn new(init: impl PinInit<T, Error>) -> Result<Self> {
        let object = KBox::try_pin_init(init, GFP_KERNEL)?;
        // SAFETY: The memory stays where it is until `free` frees it, and a box is not
        // null.
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
