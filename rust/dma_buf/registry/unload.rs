// SPDX-License-Identifier: GPL-2.0

//! What is done when a driver's module goes: after its exit function, and before its text
//! is freed.
//!
//! Each of its objects is stopped: contexts complete their fences, work types stop calling
//! their bodies. Grace periods and `rcu_barrier()` wait for what still runs.
//!
//! A module that does not use this one has no objects here, and this one has left none of its
//! callbacks to RCU. Its unload is not delayed.
//!
//! C headers: [`include/linux/module.h`](srctree/include/linux/module.h),
//! [`include/linux/notifier.h`](srctree/include/linux/notifier.h)

use super::{
    entries,
    entry_of,
    is_empty,
    TrackedEntry, //
};
use crate::{
    bindings,
    callback::keep_library,
    lock::PreemptOff, //
};
use core::ptr;
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
            Relaxed,
            Release, //
        },
        global_lock,
        rcu, //
    },
    types::Opaque, //
};

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
                    super::init();
                    UNLOAD.init();
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
        let module = module.cast();

        // SAFETY: By the function's contract; this is process context, and as long as this
        // runs, this module stays.
        unsafe {
            if state == bindings::module_state_MODULE_STATE_GOING as c_ulong
                && bindings::dma_buf_rs_module_uses(module, crate::this_module())
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

/// Stops what belongs to `module`, and waits until nothing of it runs.
///
/// Context: process; may sleep.
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
        // something, too. When no entry is left, nothing of the driver's is called any more,
        // unless the last reference to an entry was dropped just now, perhaps by another
        // module: that entry is being freed.
        if wait_for_rcu() && !abandon() && !is_marked() {
            break;
        }
    }
    GOING.store(ptr::null_mut(), Release);
    // Other CPUs may still look at the module. And its destructors may have left callbacks of
    // their own to RCU, for which its exit could not wait.
    rcu::synchronize_rcu();
    rcu::rcu_barrier();

    keep_library();
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

/// Abandons the entries that are left, which were leaked: their operations are about to
/// vanish, and another module may be loaded to where they were. Returns `false` if none was
/// left.
///
/// Afterwards [`wait_for_rcu`] is due: one that is being freed just now may have seen that
/// it was not abandoned. One without references, of which RCU has not been told yet, stays
/// until it is freed.
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

// What a driver's objects leave to RCU while its module goes.
//
// A destructor of the driver's may drop another fence, whose data is then dropped a grace
// period later, and so on: one `rcu_barrier()` returns before that chain ends. So while a
// module goes, each callback of its is marked that is left to RCU, and there are barriers
// until none was.
//
// No barrier may come between the mark and the `call_rcu()`: it would take the mark for its
// own, and miss the callback. Both are in one RCU read-side section, and before each barrier
// comes a grace period. Modelled in `mark.litmus`.

/// The module that goes, or null. The module is freed a grace period after this has been
/// cleared.
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
