// SPDX-License-Identifier: GPL-2.0

//! Fences, as code other than their driver uses them.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

mod kind;
mod wait;

pub(crate) use kind::fence_kind;
pub use kind::{
    FenceKind,
    Leaf, //
};
pub(crate) use wait::{
    to_delta,
    to_jiffies, //
};
pub use wait::{
    FenceWait,
    WaitError, //
};

use crate::bindings;
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    ffi::c_char,
    fmt,
    prelude::*,
    seq_file::SeqFile,
    str::CStrExt,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed, //
        },
        barrier::{
            smp_mb,
            Read, //
        },
        rcu, //
    },
    time::{
        hrtimer::HrTimerExpires,
        Delta,
        Instant,
        Monotonic, //
    },
    types::Opaque, //
};

/// The state of the work that a fence stands for.
///
/// See [`Fence`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FenceStatus {
    /// The work is not complete.
    Pending,
    /// The work is complete.
    Signaled,
    /// The work is complete, and failed with this error.
    Error(Error),
}

/// A fence of any driver: the point in time at which some work is complete.
///
/// A `Fence` can be waited for and asked, but not signalled. Its driver signals it by the
/// [`DriverFence`](crate::DriverFence). References are kept as [`ARef<Fence>`]. Two fences are
/// equal if they are the same object. A fence that may be a foreign driver's container is
/// [unwrapped](crate#containers) before anything is asked of it.
///
/// Leaking 2^31 references to a fence saturates its reference count: `refcount_t` warns once, and
/// the fence is never freed. Dropping the last reference to a nested container makes the kernel
/// release its members recursively, one stack frame per level.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, FenceStatus};
/// use kernel::{prelude::*, sync::aref::ARef};
///
/// /// Returns the fence if it has to be waited for.
/// fn unless_done(fence: &Fence) -> Result<Option<ARef<Fence>>> {
///     match fence.status() {
///         FenceStatus::Pending => Ok(Some(fence.into())),
///         FenceStatus::Signaled => Ok(None),
///         FenceStatus::Error(error) => Err(error),
///     }
/// }
/// # assert!(unless_done(&Fence::stub())?.is_none());
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// The fence is initialised, and has a reference for as long as a `&Fence` to it exists.
#[repr(transparent)]
pub struct Fence {
    inner: Opaque<bindings::dma_fence>,
}

// SAFETY: A fence may be used, and its last reference dropped, on any CPU and in any context.
unsafe impl Send for Fence {}
// SAFETY: The C functions do their own locking.
unsafe impl Sync for Fence {}

// SAFETY: By the type invariant a fence is reference counted.
unsafe impl AlwaysRefCounted for Fence {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: By the type invariant the fence has a reference.
        unsafe { bindings::dma_buf_rs_dma_fence_get(self.as_raw()) }
    }

    #[inline]
    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: By the function's contract the caller gives up a reference.
        unsafe { put(obj.as_ptr().cast()) }
    }
}

impl PartialEq for Fence {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }
}

impl Eq for Fence {}

/// # References, from and to C
///
/// Context: any, unless a function says otherwise.
impl Fence {
    /// Returns a pointer to the C object.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::dma_fence {
        self.inner.get()
    }

    /// Borrows a C object.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` points to an initialised fence that has a reference.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::dma_fence) -> &'a Fence {
        // SAFETY: By the function's contract. A `Fence` is laid out as a `dma_fence`.
        unsafe { &*ptr.cast() }
    }

    /// Takes over a reference to a C object.
    ///
    /// # Safety
    ///
    /// `ptr` points to an initialised fence. The caller owns a reference and gives it up.
    #[inline]
    pub unsafe fn from_raw_owned(ptr: NonNull<bindings::dma_fence>) -> ARef<Fence> {
        // SAFETY: By the function's contract.
        unsafe { ARef::from_raw(ptr.cast()) }
    }

    /// Returns the number of references to the fence. References that the dma-fence core and the
    /// fence's context hold are counted as well. Another thread may change the number at any time.
    ///
    /// C function: `kref_read()`
    pub fn refcount(&self) -> u32 {
        // SAFETY: The fence is valid, and its count is changed by atomic operations only.
        unsafe { Atomic::from_ptr(&raw mut (*self.as_raw()).refcount.refcount.refs.counter) }
            .load(Acquire) as u32
    }

    /// Returns a fence that has signalled, the same one each time.
    ///
    /// C function: `dma_fence_get_stub()`
    pub fn stub() -> ARef<Fence> {
        // SAFETY: The stub is never null, and the function takes a reference for the caller.
        unsafe { Self::from_raw_owned(NonNull::new_unchecked(bindings::dma_fence_get_stub())) }
    }

    /// Creates a fence that signalled at the given time. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_fence_allocate_private_stub()`
    pub fn signaled_at(timestamp: Instant<Monotonic>) -> Result<ARef<Fence>> {
        signaled_at(timestamp.as_nanos()).map(Leaf::into_fence)
    }
}

/// # State
///
/// Code that learns that a fence has signalled, here, from a wait, a refused callback, a chain or a
/// reservation object, sees what was written before the signal, on any CPU.
impl Fence {
    const SIGNALED: usize = 1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT;

    #[inline]
    fn flags(&self) -> &Atomic<usize> {
        // SAFETY: The fence is valid, and its flags are changed by atomic operations only.
        unsafe { Atomic::from_ptr(&raw mut (*self.as_raw()).flags) }
    }

    /// Returns `true` if the fence's flag says that it has signalled. Takes no lock, and does not
    /// ask the driver.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_test_signaled_flag()`
    #[inline]
    pub fn test_signaled_flag(&self) -> bool {
        self.flags().load(Acquire) & Self::SIGNALED != 0
    }

    /// Returns `true` if signalling was enabled.
    #[inline]
    pub(crate) fn is_signaling_enabled(&self) -> bool {
        self.flags().load(Relaxed)
            & (1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT)
            != 0
    }

    /// Returns `true` if the fence has signalled. Asks the fence's driver.
    ///
    /// If a C driver finds the work complete, the fence signals here, and its callbacks run. If a
    /// driver that uses this crate does, an irq_work signals the fence [a moment
    /// later](crate::FenceContextOps::signaled), so this may still return `false`.
    ///
    /// `true` does not mean that the callbacks have run: a CPU that signals the fence sets the flag
    /// first. To wait for a callback, cancel it.
    ///
    /// Context: any; no fence lock held. A callback calls [`Self::test_signaled_flag`].
    ///
    /// C function: `dma_fence_is_signaled()`
    #[inline]
    pub fn is_signaled(&self) -> bool {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_buf_rs_dma_fence_is_signaled(self.as_raw()) }
    }

    /// Returns the state of the work. Asks the driver as [`Self::is_signaled`] does.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_get_status()`
    pub fn status(&self) -> FenceStatus {
        // SAFETY: The fence is valid.
        match unsafe { bindings::dma_fence_get_status(self.as_raw()) } {
            0 => FenceStatus::Pending,
            1 => FenceStatus::Signaled,
            error => FenceStatus::Error(Error::from_errno(error)),
        }
    }

    /// Returns the error that the fence signalled with, or `None` if it is pending or its work
    /// succeeded. Does not ask the driver.
    ///
    /// Context: any.
    pub fn error(&self) -> Option<Error> {
        // The signaller sets the error before the flag.
        if self.flags().load(Acquire) & Self::SIGNALED == 0 {
            return None;
        }
        // SAFETY: The fence is valid. The error of a signalled fence does not change.
        match unsafe { (*self.as_raw()).error } {
            0 => None,
            error => Some(Error::from_errno(error)),
        }
    }

    /// Returns the time at which the fence signalled, or `None` if it is pending, or has just
    /// signalled and the time is not set yet. Some drivers set it later, from an interrupt, so this
    /// does not wait for it. Some replace it by a more precise time.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_timestamp()`
    pub fn timestamp(&self) -> Option<Instant<Monotonic>> {
        self.timestamp_ns()
            .filter(|ns| *ns >= 0)
            .map(instant_from_ns)
    }

    /// Returns [`Self::timestamp`] in ns of CLOCK_MONOTONIC.
    ///
    /// It is negative while this CPU sees the flag but not yet the time, as the core does not order
    /// its stores of them: then this is a pointer to a callback or to the fence, on x86 and, unless
    /// with KASAN_SW_TAGS, on arm64.
    #[inline]
    pub(crate) fn timestamp_ns(&self) -> Option<i64> {
        const BOTH: usize =
            Fence::SIGNALED | 1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_TIMESTAMP_BIT;

        // The signaller sets the second flag after the first, perhaps much later and without
        // the fence's lock: i915 leaves it to an irq_work, which may be due on this CPU.
        if self.flags().load(Acquire) & BOTH != BOTH {
            return None;
        }
        // SAFETY: While the fence has a reference, this word is only written as a whole: as the
        // head of a list, then as the time. A driver may replace that.
        let timestamp =
            unsafe { Atomic::from_ptr(&raw mut (*self.as_raw()).__bindgen_anon_2.timestamp) };
        Some(timestamp.load(Relaxed))
    }

    /// Tells the driver that the fence is waited for, so that the driver makes it signal. Waiting
    /// and registering a callback do so as well.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_enable_signaling()`
    pub fn enable_signaling(&self) {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_fence_enable_signaling(self.as_raw()) }
    }

    /// Tells the driver by when the fence should signal. The driver may ignore it.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_set_deadline()`
    pub fn set_deadline(&self, deadline: Instant<Monotonic>) {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_fence_set_deadline(self.as_raw(), deadline.as_nanos()) }
    }
}

/// # Numbers and order
///
/// Context: any.
impl Fence {
    /// Returns the number of the fence's context.
    #[inline]
    pub fn context(&self) -> u64 {
        // SAFETY: The fence is valid, and its context does not change.
        unsafe { (*self.as_raw()).context }
    }

    /// Returns the sequence number of the fence in its context.
    #[inline]
    pub fn seqno(&self) -> u64 {
        // SAFETY: The fence is valid, and its sequence number does not change.
        unsafe { (*self.as_raw()).seqno }
    }

    /// Returns `Some(true)` if this fence comes after `other` in their context, and `None` if their
    /// contexts differ. Sequence numbers have 64 bits, or 32 bits and wrap round, as the driver
    /// decides.
    ///
    /// C function: `dma_fence_is_later()`
    #[inline]
    pub fn is_later(&self, other: &Fence) -> Option<bool> {
        // SAFETY: Both fences are valid.
        (self.context() == other.context()).then(|| unsafe {
            bindings::dma_buf_rs_dma_fence_is_later(self.as_raw(), other.as_raw())
        })
    }

    /// Returns `Some(true)` if this fence comes after `other` in their context or is the same
    /// fence, and `None` if their contexts differ.
    ///
    /// C function: `dma_fence_is_later_or_same()`
    pub fn is_later_or_same(&self, other: &Fence) -> Option<bool> {
        Some(self == other || self.is_later(other)?)
    }

    /// Returns the later of two fences of one context, or `None` if their contexts differ. Unlike
    /// in C, it is also returned if it has signalled.
    ///
    /// C function: `dma_fence_later()`
    pub fn later<'a>(&'a self, other: &'a Fence) -> Option<&'a Fence> {
        Some(if self.is_later(other)? { self } else { other })
    }
}

/// # Names
///
/// Context: any, unless a function says otherwise.
impl Fence {
    /// Returns the name of the fence's driver: "detached-driver" after the signal, and "(null)" if
    /// the driver gives no name. The driver may free the name a grace period after the signal, so
    /// it cannot be used without the guard.
    ///
    /// C function: `dma_fence_driver_name()`
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::Fence;
    /// use kernel::sync::rcu;
    ///
    /// let fence = Fence::stub();
    /// let guard = rcu::read_lock();
    /// assert_eq!(fence.driver_name(&guard), c"detached-driver");
    /// ```
    pub fn driver_name<'a>(&'a self, _guard: &'a rcu::Guard) -> &'a CStr {
        // SAFETY: The fence is valid, and RCU is read-locked for `'a`. By the contract of the name
        // operations a driver neither frees nor changes its names meanwhile.
        unsafe { name_or_null(bindings::dma_fence_driver_name(self.as_raw())) }
    }

    /// Returns the name of the fence's timeline, as [`Self::driver_name`] does: "signaled-timeline"
    /// after the signal.
    ///
    /// C function: `dma_fence_timeline_name()`
    pub fn timeline_name<'a>(&'a self, _guard: &'a rcu::Guard) -> &'a CStr {
        // SAFETY: As in `driver_name`.
        unsafe { name_or_null(bindings::dma_fence_timeline_name(self.as_raw())) }
    }

    /// Prints the fence's numbers, names and state on a line. Asks the driver as
    /// [`Self::is_signaled`] does.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_describe()`
    pub fn describe(&self, seq: &SeqFile) {
        let seq = core::ptr::from_ref(seq).cast_mut().cast();

        // SAFETY: Both pointers are valid. A `SeqFile` is laid out as a `seq_file`.
        unsafe { bindings::dma_fence_describe(self.as_raw(), seq) }
    }
}

/// Formats the line of [`Fence::describe`], without the newline. Does not ask the driver.
impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = rcu::read_lock();

        f.write_fmt(fmt!(
            "{}:{} {} {} {}signalled",
            self.context(),
            self.seqno(),
            self.timeline_name(&guard),
            self.driver_name(&guard),
            if self.test_signaled_flag() { "" } else { "un" },
        ))
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_fmt(fmt!("Fence({})", self))
    }
}

/// Borrows a name that an operation of a driver returned. The name may be NULL, which C prints as
/// "(null)".
///
/// # Safety
///
/// `name` is NULL, or a string that is valid and does not change for `'a`.
unsafe fn name_or_null<'a>(name: *const c_char) -> &'a CStr {
    if name.is_null() {
        return c"(null)";
    }
    // SAFETY: By the function's contract.
    unsafe { CStr::from_char_ptr(name) }
}

/// Creates a fence that signalled at the given time, in ns of CLOCK_MONOTONIC.
pub(crate) fn signaled_at(ns: i64) -> Result<ARef<Leaf>> {
    // SAFETY: Any time is valid. The function returns a reference that the caller owns. The fence
    // has signalled and so has no operations, which makes it a leaf.
    unsafe {
        owned_or_null(bindings::dma_fence_allocate_private_stub(ns))
            .map(|fence| Leaf::from_fence_unchecked(fence))
            .ok_or(ENOMEM)
    }
}

/// Orders what a C function has read before what the caller does next. To be called where such a
/// function may have found that a fence has signalled: some read its flag without order.
///
/// C function: `smp_acquire__after_ctrl_dep()`
#[inline]
pub(crate) fn acquire_signaled() {
    smp_mb(Read);
}

/// Converts ns of CLOCK_MONOTONIC; negative values become 0.
///
/// The kernel crate has no conversion: an `Instant` is made from another one.
pub(crate) fn instant_from_ns(ns: i64) -> Instant<Monotonic> {
    let now = Instant::now();

    now + Delta::from_nanos(ns.max(0) - now.as_nanos())
}

/// Returns the error code of a result, or 0.
#[inline]
pub(crate) fn errno(result: Result) -> i32 {
    result.map_or_else(|error| error.to_errno(), |()| 0)
}

/// Takes over the reference that a C function returned.
///
/// # Safety
///
/// `fence` is null or a valid fence. In the latter case the caller owns a reference to it and gives
/// the reference up.
#[inline]
pub(crate) unsafe fn owned_or_null(fence: *mut bindings::dma_fence) -> Option<ARef<Fence>> {
    // SAFETY: By the function's contract.
    NonNull::new(fence).map(|fence| unsafe { Fence::from_raw_owned(fence) })
}

/// Drops a reference.
///
/// C function: `dma_fence_put()`
///
/// # Safety
///
/// `fence` is valid. The caller owns a reference and gives it up.
#[inline]
pub(crate) unsafe fn put(fence: *mut bindings::dma_fence) {
    // SAFETY: By the function's contract.
    unsafe { bindings::dma_buf_rs_dma_fence_put(fence) }
}

/// Signals a fence of this crate that has just been initialised.
///
/// Takes the fence's lock by trylock, so that lockdep records no order between it and the locks
/// that the caller holds.
///
/// # Safety
///
/// As for [`signal_raw`], and no other code has a pointer to the fence.
pub(crate) unsafe fn signal_unshared(fence: *mut bindings::dma_fence, error: i32) {
    // SAFETY: As in `signal_raw`. The lock is free.
    unsafe {
        let lock = (&raw mut (*fence).__bindgen_anon_1).cast::<bindings::spinlock_t>();

        if bindings::spin_trylock(lock) != 0 {
            (*fence).error = error;
            bindings::dma_fence_signal_timestamp_locked(fence, bindings::ktime_get());
            bindings::spin_unlock(lock);
        }
    }
}

/// Signals a fence of this crate.
///
/// C functions: `dma_fence_set_error()`, `dma_fence_signal_timestamp_locked()`
///
/// # Safety
///
/// - `fence` is valid, has its lock inside, and has not signalled. No other code signals it.
/// - `error` is 0 or a negative error code.
/// - Interrupts are off, except with `PREEMPT_RT`, where the fence's lock may sleep.
#[inline]
pub(crate) unsafe fn signal_raw(fence: *mut bindings::dma_fence, error: i32, timestamp: i64) {
    // SAFETY: By the function's contract the fence is valid and its lock is inside. With the lock
    // held a fence that has not signalled can be given an error and be signalled.
    unsafe {
        let lock = (&raw mut (*fence).__bindgen_anon_1).cast::<bindings::spinlock_t>();

        bindings::spin_lock(lock);
        (*fence).error = error;
        bindings::dma_fence_signal_timestamp_locked(fence, timestamp);
        bindings::spin_unlock(lock);
    }
}

/// An RCU-protected pointer to a fence, or to none, such as the last fence of a ring. Readers take
/// a reference without a lock while a writer replaces the fence.
///
/// Modelled in `fence/rcu_fence.litmus` and `fence/rcu_fence_publish.litmus`.
///
/// Context of the drop: any; no fence lock held.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, RcuFence};
///
/// let last = RcuFence::new(None);
/// assert!(last.get().is_none());
/// drop(last.replace(Some(Fence::stub())));
/// assert!(last.get() == Some(Fence::stub()));
/// ```
///
/// # Invariants
///
/// `fence` is null or points to a fence, to which the pointer owns a reference.
#[repr(transparent)]
pub struct RcuFence {
    fence: Atomic<*mut bindings::dma_fence>,
}

impl RcuFence {
    /// Creates a pointer to a fence, or to none.
    ///
    /// Context: any.
    pub fn new(fence: Option<ARef<Fence>>) -> Self {
        // INVARIANT: `into_raw` gives up the reference, which the pointer owns from here on.
        Self {
            fence: Atomic::new(Self::into_raw(fence)),
        }
    }

    /// Returns a reference to the fence. May drop the last one to a fence that is replaced
    /// meanwhile.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_get_rcu_safe()`
    #[inline]
    pub fn get(&self) -> Option<ARef<Fence>> {
        let _rcu = rcu::read_lock();

        // SAFETY: By the type invariant the pointer is null, or points to a fence and owns a
        // reference to it. If that is dropped meanwhile, the memory stays for a grace period, and
        // RCU is read-locked.
        let fence = unsafe { bindings::dma_buf_rs_dma_fence_get_rcu_safe(self.fence.as_ptr()) };
        // SAFETY: The function took a reference for the caller.
        unsafe { owned_or_null(fence) }
    }

    /// Replaces the fence. Returns the previous one.
    ///
    /// Context: any.
    pub fn replace(&self, fence: Option<ARef<Fence>>) -> Option<ARef<Fence>> {
        // INVARIANT: The pointer takes over the new reference and gives up the old one.
        let old = self.fence.xchg(Self::into_raw(fence), Full);

        // SAFETY: By the type invariant `old` is null, or the pointer owned a reference to it,
        // which it has just given up.
        unsafe { owned_or_null(old) }
    }

    /// Borrows a pointer in a C structure.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` is valid, and the pointer there is null or owns a reference to a fence. C
    /// code reads it under RCU and changes it by atomic operations only.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut *mut bindings::dma_fence) -> &'a RcuFence {
        // SAFETY: By the function's contract. An `RcuFence` is laid out as a pointer.
        unsafe { &*ptr.cast() }
    }

    /// Replaces the fence if it is `old`. Drops the reference to `old`, or to an unused `new`.
    pub(crate) fn replace_if(&self, old: &Fence, new: Option<ARef<Fence>>) {
        let new = Self::into_raw(new);
        let unused = match self.fence.cmpxchg(old.as_raw(), new, Full) {
            // INVARIANT: The pointer takes over the new reference and gives up the old one.
            Ok(old) => old,
            Err(_) => new,
        };

        // SAFETY: If the fence was replaced, `unused` is `old`, whose reference the pointer has
        // given up. Otherwise it is `new`, whose reference the pointer has not taken over.
        drop(unsafe { owned_or_null(unused) });
    }

    fn into_raw(fence: Option<ARef<Fence>>) -> *mut bindings::dma_fence {
        fence.map_or(ptr::null_mut(), |fence| {
            ARef::into_raw(fence).as_ptr().cast()
        })
    }
}

impl Drop for RcuFence {
    fn drop(&mut self) {
        drop(self.replace(None));
    }
}
