// SPDX-License-Identifier: GPL-2.0

//! The leaves of a fence, whatever is nested in it.
//!
//! C header: [`include/linux/dma-fence-unwrap.h`](srctree/include/linux/dma-fence-unwrap.h)

use crate::{
    array::FenceArray,
    chain,
    fence::{
        Fence,
        Kind,
        Leaf, //
    },
    slab, //
};
use core::{
    mem::take,
    ops::Range,
    ptr::NonNull, //
};
use kernel::{
    alloc::flags::{
        __GFP_NOWARN, //
        GFP_NOWAIT,
    },
    alloc::kvec::PushError,
    prelude::*,
    sync::aref::ARef, //
};

/// The most leaves that [`Leaves::collect`] collects.
pub const MAX_LEAVES: usize = 262144;

/// The most fences, leaves and containers, that [`Leaves`] visits in containers that
/// are where none should be.
///
/// Not of the containers alone: few of them, each with the same many leaves in it, are
/// as long a way.
pub const MAX_NESTED: usize = 262144;

/// Room for this many is made first.
const FEW: usize = 16;

/// Containers that are being walked through: an array, or a chain and an array in
/// it.
#[derive(Default)]
struct Level {
    /// The fences that are left of the array. It is kept by `link`, or by a level
    /// further out, or it is in the root.
    rest: Members,
    /// A link of the chain, or its beginning, whose fence has been visited, but
    /// for `rest`.
    link: Option<ARef<Fence>>,
}

/// Members of an array.
struct Members(Range<*const NonNull<Fence>>);

impl Default for Members {
    fn default() -> Self {
        Self(core::ptr::null()..core::ptr::null())
    }
}

impl Members {
    #[inline]
    fn of(array: &FenceArray) -> Self {
        let fences = array.fences().as_ptr_range();

        // A reference is a pointer that is not null.
        Self(fences.start.cast()..fences.end.cast())
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.start == self.0.end
    }

    /// # Safety
    ///
    /// The array exists.
    #[inline]
    unsafe fn next(&mut self) -> Option<NonNull<Fence>> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: It is not the end, and by the function's contract.
        unsafe {
            let fence = *self.0.start;

            self.0.start = self.0.start.add(1);
            Some(fence)
        }
    }
}

/// A walk over the leaves of a fence: the leaf that it is itself, those in the
/// array that it is, those in each link of the chain that it is, and so on, each
/// as often as it is in there. Links after the first are left out, and dropped
/// from the chain, once they have signalled.
///
/// It takes the same bit of stack however deep a foreign driver has nested them,
/// though no driver may: the kernel warns of a container in an array, and of a
/// chain in a link.
///
/// # Examples
///
/// ```
/// use dma_buf::Fence;
/// use kernel::prelude::*;
///
/// fn pending(fence: &Fence) -> Result<usize> {
///     let mut leaves = fence.leaves();
///     let mut pending = 0;
///
///     while let Some(leaf) = leaves.next()? {
///         pending += usize::from(!leaf.is_signaled());
///     }
///     Ok(pending)
/// }
/// # assert_eq!(pending(&Fence::stub())?, 0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// What is walked through is kept: by the root, which is borrowed; by the links
/// in `top` and `outer`; and as a member of what is kept.
pub struct Leaves<'a> {
    top: Level,
    /// Levels that are left once `top` is. Of what drivers may nest, none.
    outer: KVec<Level>,
    /// How many fences were visited while there were any.
    nested: usize,
    /// Not visited yet.
    root: Option<&'a Fence>,
}

// SAFETY: The pointers are to what this keeps; fences may be used on any CPU.
unsafe impl Send for Leaves<'_> {}

impl Fence {
    /// Walks over the leaves of the fence.
    ///
    /// Context: any.
    #[inline]
    pub fn leaves(&self) -> Leaves<'_> {
        Leaves {
            top: Level::default(),
            outer: KVec::new(),
            nested: 0,
            root: Some(self),
        }
    }
}

impl Leaves<'_> {
    /// The next leaf. It is kept until the following call.
    ///
    /// Fails only in what no driver may nest: with `ENOMEM`, leaving a container
    /// out, and with `E2BIG`, for good, after [`MAX_NESTED`] fences in there, as the
    /// same ones may be nested over and over.
    ///
    /// Asks drivers as [`Fence::is_signaled`] does. Context: any, but never with a
    /// fence's lock held.
    ///
    /// C functions: `dma_fence_unwrap_first()`, `dma_fence_unwrap_next()`,
    /// `dma_fence_unwrap_for_each()`
    #[expect(
        clippy::should_implement_trait,
        reason = "what it returns is kept by it"
    )]
    // A call for each leaf costs as much as the leaf does.
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<&Leaf>> {
        let mut next = match self.root.take() {
            Some(root) => Some(NonNull::from(root)),
            None => self.advance(),
        };

        while let Some(fence) = next {
            if !self.outer.is_empty() {
                self.count()?;
            }
            // SAFETY: By the type invariant.
            match unsafe { fence.as_ref() }.kind() {
                Kind::Leaf(leaf) => return Ok(Some(leaf)),
                container => next = self.enter(container)?,
            }
        }
        Ok(None)
    }

    /// References to all leaves that are left.
    ///
    /// Process context, may sleep; never with a fence's lock held. Fails as
    /// [`Self::next`] does, and with `E2BIG` for more than [`MAX_LEAVES`].
    pub fn collect(mut self) -> Result<KVec<ARef<Leaf>>> {
        let mut leaves = slab::pointers(FEW)?;

        while let Some(leaf) = self.next()? {
            let Err(PushError(leaf)) = leaves.push_within_capacity(leaf.into()) else {
                continue;
            };
            if leaves.len() >= MAX_LEAVES {
                return Err(E2BIG);
            }
            leaves.push(leaf, GFP_KERNEL | __GFP_NOWARN)?;
        }
        Ok(leaves)
    }

    /// The next fence of the containers.
    #[inline]
    fn advance(&mut self) -> Option<NonNull<Fence>> {
        loop {
            // SAFETY: By the type invariant.
            if let Some(fence) = unsafe { self.top.rest.next() } {
                return Some(fence);
            }
            match self.top.link.take() {
                Some(link) => {
                    if let Some(link) = chain::walk(link) {
                        let fence = link.as_chain().map_or(&*link, |link| link.contained());
                        let fence = NonNull::from(fence);

                        self.top.link = Some(link);
                        return Some(fence);
                    }
                }
                None => self.top = self.outer.pop()?,
            }
        }
    }

    /// Counts a fence beneath a container that should not be there.
    #[cold]
    #[inline(never)]
    fn count(&mut self) -> Result {
        if self.nested == MAX_NESTED {
            self.outer.clear();
            self.top = Level::default();
            return Err(E2BIG);
        }
        self.nested += 1;
        Ok(())
    }

    /// Goes into a container, and returns its first fence, or the next one of
    /// those around it.
    fn enter(&mut self, container: Kind<'_>) -> Result<Option<NonNull<Fence>>> {
        let is_chain = matches!(container, Kind::Chain(_));

        // What is left around it comes after it.
        if !self.top.rest.is_empty() || is_chain && self.top.link.is_some() {
            self.outer.reserve(1, GFP_NOWAIT | __GFP_NOWARN)?;
            let _ = self.outer.push_within_capacity(take(&mut self.top));
        }
        match container {
            Kind::Array(array) => self.top.rest = Members::of(array),
            Kind::Chain(chain) => {
                let fence = NonNull::from(chain.contained());

                self.top.link = Some((&**chain).into());
                return Ok(Some(fence));
            }
            Kind::Leaf(_) => {}
        }
        Ok(self.advance())
    }
}
