// SPDX-License-Identifier: GPL-2.0

//! Chains: the fences of a timeline whose points the user picks.
//!
//! Each link contains a fence and refers to the link before it; it signals when
//! its fence and all before it have.
//!
//! # What it costs
//!
//! A link is one allocation of a fixed size (120 bytes, and so one of the slab of
//! 128; more on kernels that debug spinlocks), and holds a reference to the link
//! before and to the fence that it contains. Links that have signalled are dropped by
//! whoever walks past them, so a timeline that is looked at keeps what is pending; one
//! that is only appended to keeps everything.
//!
//! Walking holds one link at a time, whatever the length, and takes time in
//! proportion to the links visited; finding a point visits those after it. The
//! last reference to the tail gone, all links go, in the context of whoever
//! dropped it, which takes time in proportion to their number.
//!
//! Nothing recurses with the length. The kernel lets the links go in a loop, up to the
//! first that somebody else has a reference to, too. If that reference goes in the
//! moment after the look at it, by another CPU, the loop over the rest runs inside of
//! the first one: a level for each time that this happens, in one release.
//!
//! C header: [`include/linux/dma-fence-chain.h`](srctree/include/linux/dma-fence-chain.h)

use crate::{
    bindings,
    fence::{
        fence_kind,
        owned,
        Fence,
        FenceSlot,
        Kind, //
    },
    flat::Flat,
    slab, //
};
use core::{
    mem::{
        offset_of,
        MaybeUninit, //
    },
    ptr, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef, //
};

fence_kind!(
    /// A link of a chain: a point on a timeline.
    ///
    /// Its number is the point. The links of one timeline share a context. The
    /// kernel makes it signal only if somebody wants to know: from when signalling
    /// is enabled, by the last of what it waits for; before, when somebody asks
    /// whether it has. Its time is then, and it has no error, whatever those that it
    /// waits for have.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{Fence, FenceChain, FenceChainAllocation};
    /// use kernel::{prelude::*, sync::aref::ARef};
    ///
    /// /// Appends a job's fence to a timeline, at a point that the user chose.
    /// fn append(tail: &mut Option<ARef<Fence>>, job: &Fence, point: u64) -> Result {
    ///     let link = FenceChainAllocation::new()?;
    ///     let job = job.flatten()?;
    ///
    ///     // Cannot fail from here on.
    ///     *tail = Some(FenceChain::into_fence(link.append(tail.take(), job, point)));
    ///     Ok(())
    /// }
    ///
    /// let mut tail = None;
    /// append(&mut tail, &Fence::stub(), 1)?;
    /// append(&mut tail, &Fence::stub(), 5)?;
    /// let tail = tail.ok_or(ENOENT)?;
    ///
    /// assert_eq!(tail.seqno(), 5);
    /// // A point of the future:
    /// assert!(tail.find_seqno(6).is_err());
    /// // All before it have signalled, so what stands for it is the link after it.
    /// assert!(tail.find_seqno(3)?.is_some_and(|link| link.seqno() == 5));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Invariants
    ///
    /// It is a `dma_fence_chain`. What one of this crate contains is a leaf or an
    /// array; one of a foreign driver may contain anything.
    FenceChain(dma_fence_chain)
);

// A pointer to the one is a pointer to the other.
const _: () = assert!(offset_of!(bindings::dma_fence_chain, base) == 0);

impl FenceChain {
    /// The fence that this link contains.
    ///
    /// Context: any, also a callback.
    ///
    /// C function: `dma_fence_chain_contained()`
    #[inline]
    pub fn contained(&self) -> &Fence {
        // SAFETY: The link has a reference to the fence as long as it exists, and
        // never changes it.
        unsafe { Fence::from_raw((*self.inner.get()).fence) }
    }

    /// What comes before this link: another, or what the chain began with; `None`
    /// if nothing does, or all of it has signalled and was dropped.
    ///
    /// Context: any, but never with a fence's lock held.
    #[inline]
    pub fn prev(&self) -> Option<ARef<Fence>> {
        self.prev_slot().get()
    }

    #[inline]
    fn prev_slot(&self) -> &FenceSlot {
        // SAFETY: The core keeps it so as long as the link exists.
        unsafe { FenceSlot::from_raw(&raw mut (*self.inner.get()).prev) }
    }

    /// The point before this one when it was appended, if both are of one
    /// timeline; otherwise 0.
    ///
    /// Context: any, also a callback.
    #[inline]
    pub fn prev_seqno(&self) -> u64 {
        // SAFETY: Set before the link could be seen.
        unsafe { (*self.inner.get()).prev_seqno }
    }
}

/// The memory of a link, allocated before it is needed.
///
/// C functions: `dma_fence_chain_alloc()`, `dma_fence_chain_free()`
///
/// # Examples
///
/// ```
/// use dma_buf::{FenceChainAllocation, Leaf};
/// use kernel::prelude::*;
///
/// let first = FenceChainAllocation::new()?;
/// // Cannot fail from here on.
/// let link = first.append(None, Leaf::stub(), 1);
/// assert_eq!(link.seqno(), 1);
/// # Ok::<(), Error>(())
/// ```
pub struct FenceChainAllocation {
    link: KBox<MaybeUninit<bindings::dma_fence_chain>>,
}

// SAFETY: Memory that nobody else sees.
unsafe impl Send for FenceChainAllocation {}
// SAFETY: As above.
unsafe impl Sync for FenceChainAllocation {}

impl FenceChainAllocation {
    /// Allocates a link.
    ///
    /// Process context, may sleep. Fails with `ENOMEM`.
    #[inline]
    pub fn new() -> Result<Self> {
        let link = slab::kmalloc(GFP_KERNEL)?;

        Ok(Self {
            // SAFETY: The memory is such as a box has, which may be anything.
            link: unsafe { KBox::from_raw(link.as_ptr()) },
        })
    }

    /// Makes the link that comes after `prev`, at a point of the timeline.
    ///
    /// `prev` is the tail so far, of whatever kind and driver. Without one, or if
    /// it is not a link, or the point does not come after its point, the new link
    /// begins a timeline, with a context of its own; it still waits for `prev`, and
    /// its number is not lower than that of a link before it.
    ///
    /// Should a foreign driver have put into the tail what must not be there, a
    /// chain in a link or an array in an array, the kernel recurses in what waits
    /// for the new link, too; [`Wait::on_leaves`](crate::Wait::on_leaves) does not.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_chain_init()`
    pub fn append(
        self,
        prev: Option<ARef<Fence>>,
        fence: impl Into<Flat>,
        seqno: u64,
    ) -> ARef<FenceChain> {
        let fence = ARef::into_raw(fence.into().into_fence()).as_ptr();
        let prev = prev.map_or(ptr::null_mut(), |prev| ARef::into_raw(prev).as_ptr());
        let link = KBox::into_raw(self.link).cast::<bindings::dma_fence_chain>();

        // SAFETY: The memory of the link is ours, and from `kmalloc()`; so are the
        // references, which go to the link. The fence is no link, so it does not
        // WARN. The reference to the new fence is the caller's.
        unsafe {
            bindings::dma_fence_chain_init(link, prev.cast(), fence.cast(), seqno);
            ARef::from_raw(ptr::NonNull::new_unchecked(link).cast())
        }
    }
}

impl Fence {
    /// The link that stands for a point of the timeline that this fence is the
    /// tail of: the first one at or after it.
    ///
    /// - A point not yet on the timeline is `EINVAL`, as is any of a fence that is
    ///   no link.
    /// - Of points that have signalled, less may be left: a later link, what the
    ///   chain began with, or, if nothing is pending any more, `None`.
    /// - Point 0 is the tail, whatever that is.
    ///
    /// Asks drivers as [`Self::is_signaled`] does; where a foreign driver nested
    /// more than it should, the core recurses in that. Context: any, but never with
    /// a fence's lock held.
    ///
    /// C function: `dma_fence_chain_find_seqno()`
    pub fn find_seqno(&self, seqno: u64) -> Result<Option<ARef<Fence>>> {
        let mut link = ARef::into_raw(ARef::from(self)).as_ptr().cast();

        // SAFETY: The fence is valid. If it succeeds, the callee takes our
        // reference and hands over one to what it found.
        unsafe {
            let result = to_result(bindings::dma_fence_chain_find_seqno(&mut link, seqno));
            let link = owned(link);

            result.map(|()| link)
        }
    }

    /// Walks from the tail of a timeline to its beginning; of a fence that is no
    /// link, over that alone.
    ///
    /// Context: any.
    pub fn links(&self) -> Links {
        Links {
            at: Some(self.into()),
            is_begun: false,
        }
    }
}

/// A walk along a chain, from the newest link to the oldest; links before the
/// first that have signalled are dropped from the chain, and not visited.
///
/// # Examples
///
/// ```
/// use dma_buf::Fence;
///
/// fn is_waiting_for(tail: &Fence, context: u64) -> bool {
///     let mut links = tail.links();
///
///     while let Some(link) = links.next() {
///         let fence = link.as_chain().map_or(link, |link| link.contained());
///
///         if fence.match_context(context) && !fence.is_signaled() {
///             return true;
///         }
///     }
///     false
/// }
/// # assert!(!is_waiting_for(&Fence::stub(), 0));
/// ```
pub struct Links {
    at: Option<ARef<Fence>>,
    is_begun: bool,
}

impl Links {
    /// The next one: a link, or at the end what the chain began with. It is kept
    /// until the following call.
    ///
    /// Asks drivers as [`Fence::is_signaled`] does. Context: any, but never with a
    /// fence's lock held.
    ///
    /// C functions: `dma_fence_chain_walk()`, `dma_fence_chain_for_each()`
    #[expect(
        clippy::should_implement_trait,
        reason = "what it returns is kept by it"
    )]
    #[inline]
    pub fn next(&mut self) -> Option<&Fence> {
        if self.is_begun {
            self.at = walk(self.at.take()?);
        }
        self.is_begun = true;
        self.at.as_deref()
    }
}

/// What comes before a fence, by a chain, and is pending; drops from the chain what
/// is not.
///
/// As `dma_fence_chain_walk()` does it, but what is nested in a link, though it must
/// not be, is taken for pending: asking it would have the core recurse.
pub(crate) fn walk(fence: ARef<Fence>) -> Option<ARef<Fence>> {
    let link = fence.as_chain()?;

    loop {
        let prev = link.prev()?;
        let prev_link = prev.as_chain();

        if !has_signaled(prev_link.map_or(&prev, |link| link.contained())) {
            return Some(prev);
        }
        let replacement = prev_link.and_then(|link| link.prev());

        link.prev_slot().replace_if(&prev, replacement);
    }
}

/// Whether a leaf, or an array of leaves, has signalled.
#[inline]
fn has_signaled(fence: &Fence) -> bool {
    match fence.kind() {
        Kind::Leaf(leaf) => leaf.is_signaled(),
        Kind::Array(array) => array.is_flat() && array.is_signaled(),
        Kind::Chain(_) => false,
    }
}
