// SPDX-License-Identifier: GPL-2.0

//! Arrays: fences that stand for several fences.
//!
//! C header: [`include/linux/dma-fence-array.h`](srctree/include/linux/dma-fence-array.h)

use crate::{
    bindings,
    fence::{
        fence_kind,
        Fence,
        Leaf, //
    },
    slab,
    unwrap::UnwrappedFence, //
};
use core::{
    ffi::c_int,
    mem::{
        offset_of,
        MaybeUninit, //
    },
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// The highest number of members of an array. With a callback for each member, this is an
/// allocation of 2 MiB.
pub(crate) const MAX_ARRAY_FENCES: usize = 65536 - 256;

const _: () = assert!(
    size_of::<bindings::dma_fence_array>()
        + MAX_ARRAY_FENCES * size_of::<bindings::dma_fence_array_cb>()
        <= 2 << 20
);

fence_kind!(
    /// A fence that signals when all of its members have.
    ///
    /// An array has a context of its own. With signalling enabled, the kernel signals an array when
    /// the last member signals. Otherwise it does so when [`Fence::is_signaled`] finds that all
    /// members have. Its timestamp is that moment.
    ///
    /// Its error is that of the first member that fails after signalling was enabled. An array that
    /// signals because it was asked has no error. If the error matters, call
    /// [`Fence::enable_signaling`] right after creating the array.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{array::FenceArrayAllocation, FenceContext};
    /// use kernel::prelude::*;
    ///
    /// let copy = FenceContext::new(c"mygpu", c"copy", ())?;
    /// let render = FenceContext::new(c"mygpu", c"render", ())?;
    /// let a = copy.new_fence(copy.new_fence_allocation(())?);
    /// let b = render.new_fence(render.new_fence_allocation(())?);
    ///
    /// let mut array = FenceArrayAllocation::new(2)?;
    /// // Nothing is allocated from here on.
    /// for job in [&a, &b] {
    ///     array.push(job.leaf()).map_err(|_| ENOSPC)?;
    /// }
    /// let both = array.build()?;
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
    /// It is a `dma_fence_array`. The members of an array of this crate are leaves. Those of a
    /// foreign driver's array may be any fences.
    FenceArray(dma_fence_array)
);

// A pointer to an array is a pointer to a fence.
const _: () = assert!(offset_of!(bindings::dma_fence_array, base) == 0);

/// Context: any, unless a function says otherwise.
impl FenceArray {
    /// Creates an array of several fences. Returns a single fence as it is, without an array. Fails
    /// with `EINVAL` if there are no fences, with `E2BIG` for more than 65 280, and with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_fence_array_create()`
    pub fn create(fences: KVec<ARef<Leaf>>) -> Result<UnwrappedFence> {
        FenceArrayAllocation {
            array: match fences.len() {
                0 | 1 => None,
                len => Some(alloc(len)?),
            },
            fences,
        }
        .build()
    }

    /// Returns the members, in order.
    ///
    /// C functions: `dma_fence_array_first()`, `dma_fence_array_next()`,
    /// `dma_fence_array_for_each()`
    #[inline]
    pub fn fences(&self) -> &[&Fence] {
        let array = self.inner.get();

        // SAFETY: The array is initialised, and does not change any more. It holds references to
        // `num_fences` fences, and `fences` points to pointers to them unless their number is 0. A
        // `Fence` is laid out as a `dma_fence`.
        unsafe {
            match (*array).num_fences {
                0 => &[],
                n => core::slice::from_raw_parts((*array).fences.cast(), n as usize),
            }
        }
    }

    /// Returns the number of members.
    #[expect(
        clippy::len_without_is_empty,
        reason = "only an array of a foreign driver may be empty"
    )]
    #[inline]
    pub fn len(&self) -> usize {
        self.fences().len()
    }

    /// Returns `true` if all members are leaves.
    #[inline]
    pub(crate) fn is_unwrapped(&self) -> bool {
        !self.fences().iter().any(|fence| fence.is_container())
    }
}

/// The memory of an array, allocated before it is needed.
///
/// See [`FenceArray`] for an example.
///
/// # Invariants
///
/// `array` is from `dma_fence_array_alloc()`, for as many members as `fences` has room for. It may
/// be `None` if `fences` has room for fewer than two.
pub struct FenceArrayAllocation {
    array: Option<KBox<MaybeUninit<bindings::dma_fence_array>>>,
    fences: KVec<ARef<Leaf>>,
}

// SAFETY: `array` is memory that is not in use, and references to leaves are `Send`.
unsafe impl Send for FenceArrayAllocation {}
// SAFETY: A shared reference gives access to nothing.
unsafe impl Sync for FenceArrayAllocation {}

impl FenceArrayAllocation {
    /// Allocates an array with room for this many fences. Fails with `EINVAL` for 0, with `E2BIG`
    /// for more than 65 280, and with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_fence_array_alloc()`
    #[inline]
    pub fn new(capacity: usize) -> Result<Self> {
        if capacity == 0 {
            return Err(EINVAL);
        }
        // INVARIANT: Both have room for this many.
        Ok(Self {
            array: Some(alloc(capacity)?),
            fences: slab::alloc_pointers(capacity)?,
        })
    }

    /// Adds a fence. Returns it as an error if there is no room.
    ///
    /// Context: any.
    #[inline]
    pub fn push(&mut self, fence: ARef<Leaf>) -> Result<(), ARef<Leaf>> {
        self.fences
            .push_within_capacity(fence)
            .map_err(|error| error.0)
    }

    /// Creates an array of the fences that were added. Returns a single fence as it is, without an
    /// array. Fails with `EINVAL` if no fence was added, and in no other case.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_array_init()`
    #[inline]
    pub fn build(mut self) -> Result<UnwrappedFence> {
        let Some(array) = self.array.filter(|_| self.fences.len() >= 2) else {
            return self.fences.pop().map(UnwrappedFence::from).ok_or(EINVAL);
        };
        let array = KBox::into_raw(array).cast::<bindings::dma_fence_array>();
        let (fences, len, _) = self.fences.into_raw_parts();

        // SAFETY: By the type invariant the array has room for `len` members; it is not initialised
        // yet, and this function owns it. The same goes for the vector, whose memory is from
        // `kmalloc()`, and for the references in it; the array takes both over. An `ARef<Leaf>` is
        // a pointer to a leaf, which is laid out as a `dma_fence`. As all are leaves, the function
        // does not WARN. The new fence is an array of leaves, and its reference is the caller's.
        unsafe {
            bindings::dma_fence_array_init(
                array,
                len as c_int,
                fences.cast(),
                bindings::dma_fence_context_alloc(1),
                1,
            );
            let array = NonNull::new_unchecked(array).cast::<FenceArray>();
            Ok(UnwrappedFence::from_array_unchecked(ARef::from_raw(array)))
        }
    }
}

/// Allocates the memory of an array.
#[inline]
fn alloc(capacity: usize) -> Result<KBox<MaybeUninit<bindings::dma_fence_array>>> {
    if capacity > MAX_ARRAY_FENCES {
        return Err(E2BIG);
    }
    // SAFETY: The number is positive, and the size at most 2 MiB, for which `kmalloc()` does not
    // warn.
    let array = NonNull::new(unsafe { bindings::dma_fence_array_alloc(capacity as c_int) });

    // SAFETY: The memory is from `kmalloc()`, is at least as large as the structure, and belongs to
    // the caller.
    array
        .map(|array| unsafe { KBox::from_raw(array.as_ptr().cast()) })
        .ok_or(ENOMEM)
}
