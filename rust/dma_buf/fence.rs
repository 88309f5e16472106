// SPDX-License-Identifier: GPL-2.0

//! The shared side of a fence.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

mod as_fence;
mod convert;
mod kind;
mod name;
mod order;
mod raw;
mod slot;
mod time;
mod wait;

pub use as_fence::AsFence;
pub(crate) use convert::{
    errno,
    instant, //
};
pub(crate) use kind::{
    fence_kind,
    owned,
    Raw, //
};
pub use kind::{
    Kind,
    Leaf, //
};
pub use order::Later;
pub(crate) use raw::{
    get,
    put,
    put_two,
    signal_own,
    signal_unknown, //
};
pub use slot::FenceSlot;
pub(crate) use time::signaled_at;
pub use wait::{
    Wait,
    WaitError,
    MAX_WAIT_ANY, //
};

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::{
            Acquire,
            Atomic,
            Relaxed, //
        },
    },
    time::{
        hrtimer::HrTimerExpires,
        Instant,
        Monotonic, //
    },
    types::Opaque, //
};

/// What a fence says of the work it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not complete.
    Pending,
    /// Complete.
    Signaled,
    /// Complete, with an error.
    Error(Error),
}

/// A point in the future at which some work, of whatever driver, is complete.
///
/// A `Fence` can be waited for and asked; it cannot be signalled, which is what
/// its driver's [`DriverFence`](crate::DriverFence) is for. References are kept
/// as [`ARef<Fence>`].
///
/// The kernel counts references in 31 bits. Whoever forgets as many finds the count
/// stuck, as in C: the kernel warns of it, once, and the fence stays for ever.
///
/// The last reference to what a foreign driver nests has the kernel let its fences go
/// [as deep as they are nested](crate#containers), whoever drops it.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, Status};
/// use kernel::{prelude::*, sync::aref::ARef};
///
/// /// Keeps what is still to be waited for.
/// fn unless_done(fence: &Fence) -> Result<Option<ARef<Fence>>> {
///     match fence.status() {
///         Status::Pending => Ok(Some(fence.into())),
///         Status::Signaled => Ok(None),
///         Status::Error(error) => Err(error),
///     }
/// }
/// # assert!(unless_done(&Fence::stub())?.is_none());
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// A fence is initialised, and there is a reference to it as long as it can be
/// seen here.
#[repr(transparent)]
pub struct Fence {
    inner: Opaque<bindings::dma_fence>,
}

// SAFETY: A fence may be used, and its last reference dropped, on any CPU and in
// any context.
unsafe impl Send for Fence {}
// SAFETY: As above: the C API takes care of its own locking.
unsafe impl Sync for Fence {}

// SAFETY: By the type invariant a fence is reference counted.
unsafe impl AlwaysRefCounted for Fence {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: A shared reference means that the count is not zero.
        unsafe { get(self.as_raw()) }
    }

    #[inline]
    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { put(obj.as_ptr().cast()) }
    }
}

impl Fence {
    /// The C side of the fence.
    ///
    /// Context: any.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::dma_fence {
        self.inner.get()
    }

    /// Borrows a fence of the C side.
    ///
    /// Context: any.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` points to an initialised fence with a reference.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::dma_fence) -> &'a Fence {
        // SAFETY: By the function's contract, and the layout is the same.
        unsafe { &*ptr.cast() }
    }

    /// Takes over a reference from the C side.
    ///
    /// Context: any.
    ///
    /// # Safety
    ///
    /// `ptr` points to an initialised fence; the caller owns a reference and
    /// gives it up.
    #[inline]
    pub unsafe fn from_raw_owned(ptr: NonNull<bindings::dma_fence>) -> ARef<Fence> {
        // SAFETY: By the function's contract.
        unsafe { ARef::from_raw(ptr.cast()) }
    }

    /// The number of the context that the fence belongs to.
    ///
    /// Context: any, also a callback.
    #[inline]
    pub fn context(&self) -> u64 {
        // SAFETY: Set before the fence could be seen.
        unsafe { (*self.as_raw()).context }
    }

    /// The fence's sequence number within its context.
    ///
    /// Context: any, also a callback.
    #[inline]
    pub fn seqno(&self) -> u64 {
        // SAFETY: Set before the fence could be seen.
        unsafe { (*self.as_raw()).seqno }
    }

    #[inline]
    fn flags(&self) -> &Atomic<usize> {
        // SAFETY: Initialised, and changed by atomic bit operations only.
        unsafe { Atomic::from_ptr(&raw mut (*self.as_raw()).flags) }
    }

    /// Whether a flag is set.
    #[inline]
    fn flags_has(&self, bit: bindings::dma_fence_flag_bits) -> bool {
        self.flags().load(Relaxed) & (1 << bit) != 0
    }

    /// Whether the fence is known to have signalled. Takes no lock, asks nobody.
    ///
    /// Context: any, also a callback, and with the fence's lock held.
    ///
    /// C function: `dma_fence_test_signaled_flag()`
    #[inline]
    pub fn test_signaled_flag(&self) -> bool {
        self.flags_has(bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT)
    }

    /// Returns the number of references to the fence. References that the dma-fence core and
    /// the fence's context hold are counted as well. Another thread may change the number at
    /// any time.
    ///
    /// Context: any.
    ///
    /// C function: `kref_read()`
    pub fn refcount(&self) -> u32 {
        // SAFETY: Valid, and changed by atomic operations only.
        unsafe { Atomic::from_ptr(&raw mut (*self.as_raw()).refcount.refcount.refs.counter) }
            .load(Acquire) as u32
    }

    /// Whether somebody has had signalling enabled.
    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        self.flags_has(bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT)
    }

    /// Whether the fence has signalled, asking its driver if need be; then the
    /// fence signals here and now, running its callbacks.
    ///
    /// What a foreign driver nests is better [flattened first](crate#containers).
    ///
    /// Context: any, but never with a fence's lock held, so not in a callback,
    /// where [`Self::test_signaled_flag`] is the one to call.
    ///
    /// C function: `dma_fence_is_signaled()`
    #[inline]
    pub fn is_signaled(&self) -> bool {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_buf_rs_dma_fence_is_signaled(self.as_raw()) }
    }

    /// The state of the work, asking the driver as [`Self::is_signaled`] does.
    ///
    /// What a foreign driver nests is better [flattened first](crate#containers).
    ///
    /// Context: any, but never with a fence's lock held.
    ///
    /// C function: `dma_fence_get_status()`
    pub fn status(&self) -> Status {
        // SAFETY: The fence is valid.
        match unsafe { bindings::dma_fence_get_status(self.as_raw()) } {
            0 => Status::Pending,
            1 => Status::Signaled,
            error => Status::Error(Error::from_errno(error)),
        }
    }

    /// The error that the fence signalled with; `None` while it is pending, and
    /// if it succeeded. Asks nobody.
    ///
    /// Context: any, also a callback.
    pub fn error(&self) -> Option<Error> {
        // The error is set before the flag.
        if self.flags().load(Acquire)
            & (1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT)
            == 0
        {
            return None;
        }
        // SAFETY: The error of a signalled fence does not change.
        match unsafe { (*self.as_raw()).error } {
            0 => None,
            error => Some(Error::from_errno(error)),
        }
    }

    /// Tells the driver that somebody waits, so that it has the fence signalled.
    ///
    /// Adding a callback and waiting do so, too. What a foreign driver nests is to be
    /// [flattened first](crate#containers). Context: any, but never with a fence's
    /// lock held.
    ///
    /// C function: `dma_fence_enable_signaling()`
    pub fn enable_signaling(&self) {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_fence_enable_signaling(self.as_raw()) }
    }

    /// Tells the driver by when this would be wanted. Only a hint.
    ///
    /// What a foreign driver nests is better [flattened first](crate#containers).
    ///
    /// Context: any, but never with a fence's lock held.
    ///
    /// C function: `dma_fence_set_deadline()`
    pub fn set_deadline(&self, deadline: Instant<Monotonic>) {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_fence_set_deadline(self.as_raw(), deadline.as_nanos()) }
    }

    /// A fence that has signalled, always the same one.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_get_stub()`
    pub fn stub() -> ARef<Fence> {
        // SAFETY: The stub is never null, and the callee takes a reference for us.
        unsafe { Self::from_raw_owned(NonNull::new_unchecked(bindings::dma_fence_get_stub())) }
    }
}
