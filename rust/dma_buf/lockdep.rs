// SPDX-License-Identifier: GPL-2.0

//! Names for lockdep: signalling domains, and classes for fences' locks.
//!
//! # Domains
//!
//! The core has one lockdep map for all fences of all drivers. It knows that
//! whatever is locked in a section must not be held over a wait, but it cannot
//! tell fences apart, so it lets some deadlocks pass: it drops the section for
//! the time of a wait. A [`Domain`] is a map of a driver's own, besides that one
//! and never instead of it, and stricter. In a report it stands under the
//! domain's name. It finds
//!
//! - a wait in a domain, inside a section of the same domain;
//! - waits in one domain inside sections of another, and the reverse;
//! - what the core finds, with the driver's name on it.
//!
//! # Lifetime
//!
//! Lockdep forgets a class when the memory of its key goes, and a fence that
//! outlives it then has a lock that nobody tracks, whose release is a report. So
//! keys and names are copied to memory of this module, one for each name, are
//! never given back, and this module is not unloaded once there is one.
//!
//! Without `CONFIG_LOCKDEP` nothing of all this is left: both types are empty.
//!
//! C header: [`include/linux/lockdep.h`](srctree/include/linux/lockdep.h)

#[cfg(CONFIG_LOCKDEP)]
use crate::bindings;
use kernel::prelude::*;

/// The most domains and lock classes there can be, together, in a running
/// system.
pub const MAX_LOCKDEP_NAMES: usize = 64;

/// The longest name of a domain or lock class, in bytes.
pub const MAX_LOCKDEP_NAME: usize = 63;

/// A named set of fences, sections and waits that lockdep checks against each
/// other; see the [module](self).
///
/// # Examples
///
/// ```
/// use dma_buf::{Domain, Fence, Wait};
/// use kernel::prelude::*;
///
/// let domain = Domain::new(c"mygpu")?;
///
/// domain.signalling(|_section| {
///     // What must run for a fence of the domain to signal.
/// });
/// Wait::new().domain(domain).on(&Fence::stub())?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Domain {
    #[cfg(CONFIG_LOCKDEP)]
    slot: &'static table::Slot,
}

impl Domain {
    /// The domain of this name, which is made if there is none.
    ///
    /// Process context. Fails with `EINVAL` for a name that is empty or too
    /// long, and with `ENOSPC` if there are too many.
    pub fn new(name: &CStr) -> Result<Self> {
        check(name)?;
        Ok(Self {
            #[cfg(CONFIG_LOCKDEP)]
            slot: table::get(name, table::Kind::Domain)?,
        })
    }

    /// Runs `f` in a signalling section of the domain, which is also one of the
    /// core's: [`signalling`](crate::signalling).
    ///
    /// Any context; in atomic context the annotation is void, as there.
    #[inline]
    pub fn signalling<R>(self, f: impl FnOnce(&crate::SignallingSection<'_>) -> R) -> R {
        let _domain = DomainSection::begin(Some(self));

        crate::signalling(f)
    }

    /// Tells lockdep that this code waits in the domain.
    #[inline]
    pub(crate) fn annotate_wait(self) {
        // SAFETY: The map is initialised, and never goes.
        #[cfg(CONFIG_LOCKDEP)]
        unsafe {
            bindings::dma_buf_rs_lock_map_wait(self.slot.map())
        };
    }
}

/// The annotation of a section of a domain.
pub(crate) struct DomainSection {
    /// The domain whose map is held.
    #[cfg(CONFIG_LOCKDEP)]
    held: Option<Domain>,
    _not_send: kernel::types::NotThreadSafe,
}

impl DomainSection {
    #[inline]
    pub(crate) fn begin(_domain: Option<Domain>) -> Self {
        Self {
            // SAFETY: The map is initialised, and never goes.
            #[cfg(CONFIG_LOCKDEP)]
            held: _domain.filter(|d| unsafe { bindings::dma_buf_rs_lock_map_begin(d.slot.map()) }),
            _not_send: kernel::types::NotThreadSafe,
        }
    }
}

impl Drop for DomainSection {
    #[inline]
    fn drop(&mut self) {
        #[cfg(CONFIG_LOCKDEP)]
        if let Some(domain) = self.held {
            // SAFETY: `begin` acquired the map, on this thread.
            unsafe { bindings::dma_buf_rs_lock_map_end(domain.slot.map()) };
        }
    }
}

/// A class for the locks of a context's fences, which shows in reports under its
/// name; see [`ContextOptions::lock_class`](crate::ContextOptions::lock_class).
///
/// Fences without one share the core's class, so that lockdep takes a fence
/// signalled in another's callback for a recursion.
///
/// # Examples
///
/// ```
/// use dma_buf::{ContextOptions, FenceContext, FenceContextOps, LockClass};
/// use kernel::prelude::*;
///
/// struct Ring;
///
/// #[vtable]
/// impl FenceContextOps for Ring {
///     type FenceData = ();
/// }
///
/// let options = ContextOptions::new().lock_class(LockClass::new(c"mygpu ring")?);
/// let ring = FenceContext::with_options(c"mygpu", c"ring 0", options, Ring)?;
///
/// ring.new_fence(ring.new_fence_allocation(())?).signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct LockClass {
    #[cfg(CONFIG_LOCKDEP)]
    slot: &'static table::Slot,
}

impl LockClass {
    /// The class of this name, which is made if there is none.
    ///
    /// Process context. Fails as [`Domain::new`] does.
    pub fn new(name: &CStr) -> Result<Self> {
        check(name)?;
        Ok(Self {
            #[cfg(CONFIG_LOCKDEP)]
            slot: table::get(name, table::Kind::LockClass)?,
        })
    }

    /// Puts a fence's own lock into the class.
    ///
    /// # Safety
    ///
    /// The fence was initialised with its lock inside, and nobody uses that yet.
    #[cfg(CONFIG_LOCKDEP)]
    pub(crate) unsafe fn set(self, fence: *mut bindings::dma_fence) {
        // SAFETY: By the function's contract; key and name never go.
        unsafe { bindings::dma_buf_rs_set_lock_class(fence, self.slot.key(), self.slot.name()) };
    }
}

fn check(name: &CStr) -> Result {
    if name.is_empty() || name.to_bytes().len() > MAX_LOCKDEP_NAME {
        return Err(EINVAL);
    }
    Ok(())
}

#[cfg(CONFIG_LOCKDEP)]
pub(crate) mod table {
    //! Where the keys and names are.

    use super::*;
    use crate::lock::new_irq_lock;
    use core::cell::UnsafeCell;
    use kernel::{
        ffi::c_char,
        sync::SpinLockIrq,
        types::Opaque, //
    };

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Kind {
        Free,
        Domain,
        LockClass,
    }

    struct Name {
        kind: Kind,
        text: [u8; MAX_LOCKDEP_NAME + 1],
    }

    /// # Invariants
    ///
    /// `name` changes once, with the table's lock held, before the slot is
    /// handed out, as does `map`.
    pub(crate) struct Slot {
        name: UnsafeCell<Name>,
        key: Opaque<bindings::lock_class_key>,
        map: Opaque<bindings::lockdep_map>,
    }

    // SAFETY: By the type invariant; key and map are lockdep's, which locks.
    unsafe impl Sync for Slot {}

    impl Slot {
        pub(crate) fn map(&self) -> *mut bindings::lockdep_map {
            self.map.get()
        }

        pub(crate) fn key(&self) -> *mut bindings::lock_class_key {
            self.key.get()
        }

        pub(crate) fn name(&self) -> *const c_char {
            // SAFETY: By the type invariant nobody writes it any more.
            unsafe { (*self.name.get()).text.as_ptr().cast() }
        }
    }

    struct Table {
        lock: Opaque<SpinLockIrq<()>>,
        slots: [Slot; MAX_LOCKDEP_NAMES],
    }

    // SAFETY: `lock` locks, and so do slots.
    unsafe impl Sync for Table {}

    /// Static, as lockdep wants of keys that are not registered. Initialised by
    /// [`init`] when this module is loaded.
    static TABLE: Table = Table {
        lock: Opaque::uninit(),
        slots: [const {
            Slot {
                name: UnsafeCell::new(Name {
                    kind: Kind::Free,
                    text: [0; MAX_LOCKDEP_NAME + 1],
                }),
                key: Opaque::zeroed(),
                map: Opaque::zeroed(),
            }
        }; MAX_LOCKDEP_NAMES],
    };

    /// # Safety
    ///
    /// Only to be called once, from this module's init.
    pub(crate) unsafe fn init() {
        // SAFETY: By the function's contract nobody uses the table yet.
        unsafe { pin_init::raw_init(TABLE.lock.get(), new_irq_lock!((), c"dma_buf_rs::lockdep")) };
    }

    /// The slot of this kind and name, which is taken if there is none.
    #[inline(never)]
    pub(crate) fn get(name: &CStr, kind: Kind) -> Result<&'static Slot> {
        let bytes = name.to_bytes_with_nul();
        // SAFETY: Initialised before any caller.
        let _guard = unsafe { &*TABLE.lock.get() }.lock();

        for slot in &TABLE.slots {
            // SAFETY: The lock is held, so nobody writes.
            let seen = unsafe { &*slot.name.get() };

            if seen.kind == kind && CStr::from_bytes_until_nul(&seen.text) == Ok(name) {
                return Ok(slot);
            }
            if seen.kind == Kind::Free {
                // SAFETY: The lock is held, and nobody has been handed a free slot.
                let entry = unsafe { &mut *slot.name.get() };

                entry.kind = kind;
                entry.text[..bytes.len()].copy_from_slice(bytes);
                // SAFETY: The slot is static, so its memory, and so the module,
                // must stay; that is loaded, as it runs. Any context.
                unsafe {
                    bindings::__module_get(crate::this_module());
                    bindings::dma_buf_rs_lock_map_init(slot.map(), slot.name(), slot.key());
                }
                return Ok(slot);
            }
        }
        Err(ENOSPC)
    }
}
