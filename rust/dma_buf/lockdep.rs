// SPDX-License-Identifier: GPL-2.0

//! Lockdep annotations of a driver's own: signalling domains, and lock classes for fences.
//!
//! # Signalling domains
//!
//! The core has one lockdep map for the fences of all drivers. With it lockdep finds a lock that is
//! taken in a [signalling section](crate::signalling) and held over a wait. The map cannot tell
//! fences apart, so the core releases it for the time of a wait, and a wait inside a section
//! passes.
//!
//! A [`SignallingDomain`] is a map of a driver's own, together with the core's. It is stricter,
//! since it is not released during a wait. Under the domain's name, lockdep reports
//!
//! - a wait in a domain inside a section of the same domain;
//! - a wait in domain A inside a section of domain B, if the reverse has happened as well;
//! - everything that the core's map finds, for the sections and waits of the domain.
//!
//! # Lifetime
//!
//! Lockdep forgets a lock class when the memory of its key or name is freed. Releasing the lock of
//! a fence that outlives the class is reported then. So this module has keys and copies of the
//! names in memory of its own, for up to 64 names. They are never freed, and the module cannot be
//! unloaded once there is one. A domain and a lock class of the same name are two names.
//!
//! Without `CONFIG_LOCKDEP` both types are empty, and all of this compiles to nothing.
//!
//! C header: [`include/linux/lockdep.h`](srctree/include/linux/lockdep.h)

#[cfg(CONFIG_LOCKDEP)]
use crate::bindings;
use kernel::prelude::*;

/// The highest number of domains and lock classes, together, in a running system.
#[cfg(CONFIG_LOCKDEP)]
const MAX_NAMES: usize = 64;

/// The length of the longest name, in bytes without the NUL.
const MAX_NAME_LEN: usize = 63;

/// A named set of fences, sections and waits that lockdep checks against each other; see the
/// [module](self).
///
/// A context is in a domain by [`ContextOptions::domain`](crate::ContextOptions::domain), a wait
/// by [`FenceWait::domain`](crate::FenceWait::domain), a section by [`Self::signalling`].
///
/// # Examples
///
/// ```
/// use dma_buf::{lockdep::SignallingDomain, Fence, FenceWait};
/// use kernel::prelude::*;
///
/// let domain = SignallingDomain::new(c"mygpu")?;
///
/// domain.signalling(|_section| {
///     // Code that must run for a fence of the domain to signal.
/// });
/// FenceWait::new().domain(domain).wait(&Fence::stub())?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct SignallingDomain {
    #[cfg(CONFIG_LOCKDEP)]
    key: &'static table::NamedKey,
}

impl SignallingDomain {
    /// Returns the domain of this name. Creates it if there is none. Fails with `EINVAL` if the
    /// name is empty or longer than 63 bytes, and with `ENOSPC` if there are 64 names already.
    ///
    /// Context: process.
    ///
    /// C function: `lockdep_init_map()`
    pub fn new(name: &CStr) -> Result<Self> {
        check_name(name)?;
        Ok(Self {
            #[cfg(CONFIG_LOCKDEP)]
            key: table::get(name, table::Purpose::Domain)?,
        })
    }

    /// Runs `f` in a signalling section of the domain, which is a section of the core as well; see
    /// [`signalling`](crate::signalling()).
    ///
    /// Context: any. In atomic context the annotation does nothing.
    ///
    /// C functions: `lock_map_acquire_read()`, `lock_map_release()`
    #[inline]
    pub fn signalling<R>(self, f: impl FnOnce(&crate::SignallingSection<'_>) -> R) -> R {
        let _domain = DomainSection::begin(Some(self));

        crate::signalling(f)
    }

    /// Tells lockdep that the current code waits in the domain.
    ///
    /// C functions: `lock_map_acquire()`, `lock_map_release()`
    #[inline]
    pub(crate) fn annotate_wait(self) {
        // SAFETY: The domain's map is initialised, and is never freed.
        #[cfg(CONFIG_LOCKDEP)]
        unsafe {
            bindings::dma_buf_rs_lock_map_wait(self.key.map())
        };
    }
}

/// The annotation of a section of a domain, from its creation to its drop.
pub(crate) struct DomainSection {
    /// The domain whose map the section has acquired.
    #[cfg(CONFIG_LOCKDEP)]
    held: Option<SignallingDomain>,
    _not_send: kernel::types::NotThreadSafe,
}

impl DomainSection {
    /// Begins a section, unless there is no domain. Does nothing inside a section of the same
    /// domain and in atomic context.
    #[inline]
    pub(crate) fn begin(_domain: Option<SignallingDomain>) -> Self {
        Self {
            // SAFETY: The domain's map is initialised, and is never freed.
            #[cfg(CONFIG_LOCKDEP)]
            held: _domain
                .filter(|domain| unsafe { bindings::dma_buf_rs_lock_map_begin(domain.key.map()) }),
            _not_send: kernel::types::NotThreadSafe,
        }
    }
}

impl Drop for DomainSection {
    #[inline]
    fn drop(&mut self) {
        #[cfg(CONFIG_LOCKDEP)]
        if let Some(domain) = self.held {
            // SAFETY: `begin` acquired the map, on this thread, as the section is not `Send`.
            unsafe { bindings::dma_buf_rs_lock_map_end(domain.key.map()) };
        }
    }
}

/// A lockdep class for the locks of a context's fences; see
/// [`ContextOptions::lock_class`](crate::ContextOptions::lock_class).
///
/// Reports show its name. Fences without a class of their own share the core's, so lockdep reports
/// a recursion if a callback of one signals another.
///
/// See [`ContextOptions`](crate::ContextOptions) for an example.
#[derive(Clone, Copy)]
pub struct LockClass {
    #[cfg(CONFIG_LOCKDEP)]
    key: &'static table::NamedKey,
}

impl LockClass {
    /// Returns the class of this name. Creates it if there is none. Fails as
    /// [`SignallingDomain::new`] does.
    ///
    /// Context: process.
    pub fn new(name: &CStr) -> Result<Self> {
        check_name(name)?;
        Ok(Self {
            #[cfg(CONFIG_LOCKDEP)]
            key: table::get(name, table::Purpose::LockClass)?,
        })
    }

    /// Puts a fence's own lock into the class.
    ///
    /// C function: `lockdep_set_class_and_name()`
    ///
    /// # Safety
    ///
    /// The fence is initialised with its lock inside, and no other code uses that lock yet.
    #[cfg(CONFIG_LOCKDEP)]
    pub(crate) unsafe fn set(self, fence: *mut bindings::dma_fence) {
        // SAFETY: By the function's contract. The key and the name are never freed.
        unsafe { bindings::dma_buf_rs_set_lock_class(fence, self.key.key(), self.key.name()) };
    }
}

fn check_name(name: &CStr) -> Result {
    if name.is_empty() || name.to_bytes().len() > MAX_NAME_LEN {
        return Err(EINVAL);
    }
    Ok(())
}

#[cfg(CONFIG_LOCKDEP)]
pub(crate) mod table {
    //! The keys and names of domains and lock classes.

    use super::*;
    use crate::lock::new_irq_lock;
    use core::cell::UnsafeCell;
    use kernel::{
        ffi::c_char,
        sync::SpinLockIrq,
        types::Opaque, //
    };

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Purpose {
        Unused,
        Domain,
        LockClass,
    }

    struct Name {
        purpose: Purpose,
        text: [u8; MAX_NAME_LEN + 1],
    }

    /// A lockdep key with its name, and a map of that class.
    ///
    /// # Invariants
    ///
    /// `name` changes once, with the table's lock held, from [`Purpose::Unused`]. After that,
    /// `map` is initialised, and only then does [`get`] return the key.
    pub(crate) struct NamedKey {
        name: UnsafeCell<Name>,
        key: Opaque<bindings::lock_class_key>,
        map: Opaque<bindings::lockdep_map>,
    }

    // SAFETY: By the type invariant `name` does not change while it is shared. `key` and `map` are
    // only used by lockdep, which does its own locking.
    unsafe impl Sync for NamedKey {}

    impl NamedKey {
        pub(crate) fn map(&self) -> *mut bindings::lockdep_map {
            self.map.get()
        }

        pub(crate) fn key(&self) -> *mut bindings::lock_class_key {
            self.key.get()
        }

        pub(crate) fn name(&self) -> *const c_char {
            // SAFETY: By the type invariant the name does not change after `get` returned the key.
            unsafe { (*self.name.get()).text.as_ptr().cast() }
        }
    }

    struct Table {
        lock: Opaque<SpinLockIrq<()>>,
        keys: [NamedKey; MAX_NAMES],
    }

    // SAFETY: `lock` is a lock, and the keys are `Sync`.
    unsafe impl Sync for Table {}

    /// Static, as lockdep requires of keys that are not registered. [`init`] initialises the lock
    /// when this module is loaded.
    static TABLE: Table = Table {
        lock: Opaque::uninit(),
        keys: [const {
            NamedKey {
                name: UnsafeCell::new(Name {
                    purpose: Purpose::Unused,
                    text: [0; MAX_NAME_LEN + 1],
                }),
                key: Opaque::zeroed(),
                map: Opaque::zeroed(),
            }
        }; MAX_NAMES],
    };

    /// Initialises the table.
    ///
    /// # Safety
    ///
    /// Must be called once, from this module's init.
    pub(crate) unsafe fn init() {
        // SAFETY: By the function's contract no other code uses the table yet.
        unsafe { pin_init::raw_init(TABLE.lock.get(), new_irq_lock!((), c"dma_buf_rs::lockdep")) };
    }

    /// Returns the key of this name and purpose. Takes an unused one if there is none.
    #[inline(never)]
    pub(crate) fn get(name: &CStr, purpose: Purpose) -> Result<&'static NamedKey> {
        let bytes = name.to_bytes_with_nul();
        // SAFETY: This module's init has initialised the lock before any other module could call.
        let _guard = unsafe { &*TABLE.lock.get() }.lock();

        for key in &TABLE.keys {
            // SAFETY: Names change with the lock held only, and it is held here.
            let existing = unsafe { &*key.name.get() };

            if existing.purpose == purpose && CStr::from_bytes_until_nul(&existing.text) == Ok(name)
            {
                return Ok(key);
            }
            if existing.purpose == Purpose::Unused {
                // SAFETY: The lock is held, and by the type invariant no caller has got an unused
                // key. `existing` is not used any more.
                let entry = unsafe { &mut *key.name.get() };

                entry.purpose = purpose;
                entry.text[..bytes.len()].copy_from_slice(bytes);
                // SAFETY: This module is loaded, as its code is running. Its memory, in which key,
                // name and map are, stays: the reference to the module is never dropped. Both
                // functions may be called in any context.
                unsafe {
                    bindings::__module_get(crate::library::this_module());
                    bindings::dma_buf_rs_lock_map_init(key.map(), key.name(), key.key());
                }
                return Ok(key);
            }
        }
        Err(ENOSPC)
    }
}
