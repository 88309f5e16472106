// SPDX-License-Identifier: GPL-2.0

//! What is left of a driver when its module goes.
//!
//! A driver may forget any handle: safe Rust lets it. Then its module is
//! unloaded, and a fence still points at its operations, an irq_work at its
//! closure. So everything of this crate through which the kernel could call
//! into a driver is an [`Entry`] in one list, and when a module goes, after its
//! exit function and before its text is freed, each entry that belongs to it is
//! made quiet: contexts complete their fences, work types stop calling their
//! bodies. Grace periods and `rcu_barrier()` then see off what still runs.
//!
//! An entry belongs to the module that its [`EntryOps`] lie in. They are made
//! by generic code, so they lie where the driver's type was put to use: no
//! driver has to say who it is, and none can say it wrongly.
//!
//! C headers: [`include/linux/module.h`](srctree/include/linux/module.h),
//! [`include/linux/notifier.h`](srctree/include/linux/notifier.h)

mod deferral;
mod departure;
mod entry;
mod handle;

pub(crate) use deferral::call_rcu;
pub(crate) use entry::{
    Entry,
    EntryOps, //
};
pub(crate) use handle::{
    Handle,
    Registered, //
};

use crate::{
    bindings,
    lock::new_irq_lock, //
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
        rcu,
        SpinLockIrq, //
    },
    types::Opaque, //
};

/// All entries of all modules.
struct Registry {
    lock: Opaque<SpinLockIrq<()>>,
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
    fn lock(&self) -> &SpinLockIrq<()> {
        // SAFETY: Initialised before any caller, see `REGISTRY`.
        unsafe { &*self.lock.get() }
    }

    /// Calls `f` for each entry that belongs to `module`, until it returns true,
    /// and returns that entry.
    ///
    /// `f` runs with the registry's lock held. It may unlink its entry.
    ///
    /// # Safety
    ///
    /// `module` is valid.
    unsafe fn find(
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
            // SAFETY: By the function's contract.
            if unsafe { bindings::dma_buf_rs_within_module(this.owner(), module) } && f(this) {
                return Some(entry);
            }
        }
        None
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
                    departure::init();
                    pin_init::raw_init(
                        REGISTRY.lock.get(),
                        new_irq_lock!((), c"dma_buf_rs::registry"),
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
            // SAFETY: By the function's contract; this is process context.
            unsafe { departure::quiesce(module.cast()) };
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
