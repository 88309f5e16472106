// SPDX-License-Identifier: GPL-2.0

//! Arrays: one fence for several.
//!
//! C header: [`include/linux/dma-fence-array.h`](srctree/include/linux/dma-fence-array.h)

use crate::{
    bindings,
    fence::{
        fence_kind,
        Fence,
        Leaf, //
    },
    flat::Flat,
    slab, //
};
use core::{
    ffi::c_int,
    mem::{
        offset_of,
        ManuallyDrop, //
    },
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// The most fences that an array holds.
///
/// The kernel has a callback for each in one piece of memory, which is to fit into
/// 2 MiB.
pub const MAX_ARRAY_FENCES: usize = 65536 - 256;

const _: () = assert!(
    size_of::<bindings::dma_fence_array>()
        + MAX_ARRAY_FENCES * size_of::<bindings::dma_fence_array_cb>()
        <= 2 << 20
);

fence_kind!(
    /// A fence that signals when all of several have.
    ///
    /// It belongs to a context of its own. The kernel makes it signal only if
    /// somebody wants to know: from when signalling is enabled, by the last of its
    /// fences; before, when somebody asks whether it has. Its time is then.
    ///
    /// Its error is that of the first of them that fails, of those that signal
    /// once signalling is enabled; if it is asked first, there is none. So where
    /// the error counts, [`Fence::enable_signaling`] comes right after the array is
    /// made.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{Fence, FenceArray, FenceContext, FenceContextOps};
    /// use kernel::prelude::*;
    ///
    /// struct Engine;
    ///
    /// #[vtable]
    /// impl FenceContextOps for Engine {
    ///     type FenceData = ();
    /// }
    ///
    /// let copy = FenceContext::new(c"mygpu", c"copy", Engine)?;
    /// let render = FenceContext::new(c"mygpu", c"render", Engine)?;
    /// let a = copy.new_fence(copy.new_fence_allocation(())?);
    /// let b = render.new_fence(render.new_fence_allocation(())?);
    ///
    /// let mut fences = KVec::with_capacity(2, GFP_KERNEL)?;
    /// fences.push(a.leaf(), GFP_KERNEL)?;
    /// fences.push(b.leaf(), GFP_KERNEL)?;
    /// let both = FenceArray::new(fences)?;
    /// assert!(both.as_array().is_some_and(|array| array.len() == 2));
    ///
    /// a.signal(Ok(()));
    /// assert!(!both.is_signaled());
    /// b.signal(Ok(()));
    /// both.wait()?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Invariants
    ///
    /// It is a `dma_fence_array`. One of this crate has leaves only in it; one of
    /// a foreign driver may have anything.
    FenceArray(dma_fence_array)
);

// A pointer to the one is a pointer to the other.
const _: () = assert!(offset_of!(bindings::dma_fence_array, base) == 0);

impl FenceArray {
    /// Makes one fence of several. One fence needs no array, and is returned as it
    /// is.
    ///
    /// Process context, may sleep. Fails with `EINVAL` without fences, `E2BIG` for
    /// more than [`MAX_ARRAY_FENCES`], `ENOMEM`.
    ///
    /// C function: `dma_fence_array_create()`
    #[expect(clippy::new_ret_no_self, reason = "one fence is no array")]
    pub fn new(fences: KVec<ARef<Leaf>>) -> Result<Flat> {
        if fences.len() < 2 {
            return sole(fences);
        }
        Ok(init(Memory::new(fences.len())?, fences))
    }

    /// The fences in it.
    ///
    /// Context: any, also a callback.
    #[inline]
    pub fn fences(&self) -> &[&Fence] {
        let array = self.inner.get();

        // SAFETY: An array is not changed once others can see it, and holds
        // references to as many fences as it says. A `Fence` is laid out as a
        // `dma_fence`. Without fences there need not be a pointer.
        unsafe {
            match (*array).num_fences {
                0 => &[],
                n => core::slice::from_raw_parts((*array).fences.cast(), n as usize),
            }
        }
    }

    /// Whether all fences in it are leaves.
    #[inline]
    pub(crate) fn is_flat(&self) -> bool {
        !self.iter().any(Fence::is_container)
    }

    /// How many fences there are.
    ///
    /// Context: any, also a callback.
    #[expect(clippy::len_without_is_empty, reason = "it never is, if well-formed")]
    #[inline]
    pub fn len(&self) -> usize {
        self.fences().len()
    }

    /// One of the fences.
    ///
    /// Context: any, also a callback.
    ///
    /// C function: `dma_fence_array_next()`
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Fence> {
        self.fences().get(index).copied()
    }

    /// All of the fences, in order.
    ///
    /// Context: any, also a callback.
    ///
    /// C function: `dma_fence_array_for_each()`
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &Fence> {
        self.fences().iter().copied()
    }
}

/// The memory of an array, which is filled, and then built without fail.
///
/// For a path on which nothing may fail, or no memory be allocated; also the way
/// that costs least.
///
/// # Examples
///
/// ```
/// use dma_buf::{FenceArrayAllocation, Leaf};
/// use kernel::prelude::*;
///
/// let mut array = FenceArrayAllocation::new(2)?;
/// // ... and where nothing may be allocated:
/// for _ in 0..2 {
///     array.push(Leaf::stub()).map_err(|_| ENOSPC)?;
/// }
/// assert!(array.build()?.is_signaled());
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `fences` has room for exactly as many as `memory`.
pub struct FenceArrayAllocation {
    memory: Memory,
    fences: KVec<ARef<Leaf>>,
}

impl FenceArrayAllocation {
    /// Allocates an array for this many fences.
    ///
    /// Process context, may sleep. Fails with `EINVAL` for none, `E2BIG` for more
    /// than [`MAX_ARRAY_FENCES`], `ENOMEM`.
    ///
    /// C function: `dma_fence_array_alloc()`
    #[inline]
    pub fn new(capacity: usize) -> Result<Self> {
        if capacity == 0 {
            return Err(EINVAL);
        }
        Ok(Self {
            memory: Memory::new(capacity)?,
            fences: slab::pointers(capacity)?,
        })
    }

    /// Puts a fence in. Gives it back if there is no room.
    ///
    /// Context: any.
    #[inline]
    pub fn push(&mut self, fence: ARef<Leaf>) -> Result<(), ARef<Leaf>> {
        self.fences
            .push_within_capacity(fence)
            .map_err(|error| error.0)
    }

    /// How many fences are in it.
    pub fn len(&self) -> usize {
        self.fences.len()
    }

    /// Whether there is no fence in it.
    pub fn is_empty(&self) -> bool {
        self.fences.is_empty()
    }

    /// How many fences it has room for.
    pub fn capacity(&self) -> usize {
        self.fences.capacity()
    }

    /// Makes one fence of those that were put in. One fence needs no array, and
    /// is returned as it is.
    ///
    /// Context: any. Fails with `EINVAL` if no fence was put in, and for nothing
    /// else.
    ///
    /// C function: `dma_fence_array_init()`
    #[inline]
    pub fn build(self) -> Result<Flat> {
        if self.fences.len() < 2 {
            return sole(self.fences);
        }
        Ok(init(self.memory, self.fences))
    }
}

/// What takes the place of an array of fewer than two fences.
#[inline]
fn sole(mut fences: KVec<ARef<Leaf>>) -> Result<Flat> {
    fences.pop().map(Flat::from).ok_or(EINVAL)
}

/// The memory of an array that is not initialised.
///
/// # Invariants
///
/// `array` is from `dma_fence_array_alloc()`, and owned.
struct Memory {
    array: NonNull<bindings::dma_fence_array>,
}

// SAFETY: Memory that nobody else sees.
unsafe impl Send for Memory {}
// SAFETY: As above.
unsafe impl Sync for Memory {}

impl Memory {
    #[inline]
    fn new(capacity: usize) -> Result<Self> {
        if capacity > MAX_ARRAY_FENCES {
            return Err(E2BIG);
        }
        // SAFETY: The number is not negative, and small enough for the page
        // allocator.
        let array = unsafe { bindings::dma_fence_array_alloc(capacity as c_int) };

        Ok(Self {
            array: NonNull::new(array).ok_or(ENOMEM)?,
        })
    }
}

impl Drop for Memory {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is from `kmalloc()`, and ours.
        unsafe { bindings::kfree(self.array.as_ptr().cast()) };
    }
}

/// Makes an array of at least two fences, for which there is room.
#[inline]
fn init(memory: Memory, fences: KVec<ARef<Leaf>>) -> Flat {
    let array = ManuallyDrop::new(memory).array;
    let (fences, len, _) = fences.into_raw_parts();

    // SAFETY: The array is not initialised, has room for that many, and is ours.
    // So are the fences and their memory, which is from `kmalloc()`, and go to the
    // array; none of them is a container, so it does not WARN. An `ARef` is a
    // pointer to a `Leaf`, which is laid out as a `dma_fence`. The reference to the
    // new fence, an array of leaves, is the caller's.
    unsafe {
        bindings::dma_fence_array_init(
            array.as_ptr(),
            len as c_int,
            fences.cast(),
            bindings::dma_fence_context_alloc(1),
            1,
        );
        Flat::from_array_unchecked(ARef::from_raw(array.cast::<FenceArray>()))
    }
}
