// SPDX-License-Identifier: GPL-2.0

//! Chains: timelines of fences of any driver, at points that the user picks.
//!
//! A link contains a fence and refers to the link before it. It signals when its fence and all
//! links before it have signalled.
//!
//! # Cost
//!
//! A link is one allocation of 120 bytes (more on kernels that debug spinlocks). It holds a
//! reference to the link before it and one to its fence. A walk removes links that have signalled.
//! So a timeline that is walked along keeps its pending links only, and a timeline that is only
//! appended to keeps all links.
//!
//! A walk, finding a point (over the links after it) and dropping the last reference to the tail
//! take time linear in the number of links. The kernel releases links in a loop, up to the first
//! link with another reference, so the depth of its recursion does not grow with the number of
//! links. If another CPU drops that reference right after the check, the rest is released from a
//! nested call: one level for each time that this race is lost.
//!
//! C header: [`include/linux/dma-fence-chain.h`](srctree/include/linux/dma-fence-chain.h)

use crate::{
    bindings,
    fence::{
        acquire_signaled,
        fence_kind,
        owned_or_null,
        Fence,
        FenceKind,
        RcuFence, //
    },
    slab,
    unwrap::UnwrappedFence, //
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

/// The C structure of a link, for [`FenceChainAllocation::into_raw`].
pub use crate::bindings::dma_fence_chain;

fence_kind!(
    /// A link of a chain: a point on a timeline.
    ///
    /// Its seqno is the point. The links of one timeline share a context. With signalling enabled,
    /// the kernel signals a link when the last fence that it waits for signals. Otherwise it does
    /// so when [`Fence::is_signaled`] finds that all have. Its timestamp is that moment. A link has
    /// no error, whatever the errors of its fences.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{chain::{FenceChain, FenceChainAllocation}, Fence};
    /// use kernel::{prelude::*, sync::aref::ARef};
    ///
    /// /// Appends a job's fence to a timeline, at a point that the user chose.
    /// fn append(tail: &mut Option<ARef<Fence>>, job: &Fence, point: u64) -> Result {
    ///     let link = FenceChainAllocation::new()?;
    ///     let job = job.to_unwrapped()?;
    ///
    ///     // Nothing fails from here on.
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
    /// // The timeline has not reached this point.
    /// assert!(tail.find_seqno(6).is_err());
    /// // All links have signalled, so the next one stands for the point.
    /// assert!(tail.find_seqno(3)?.is_some_and(|link| link.seqno() == 5));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Invariants
    ///
    /// It is a `dma_fence_chain`. A link of this crate contains a leaf or an array of leaves. A
    /// foreign driver's link may contain any fence.
    FenceChain(dma_fence_chain)
);

// A pointer to a link is a pointer to a fence.
const _: () = assert!(offset_of!(bindings::dma_fence_chain, base) == 0);

impl FenceChain {
    /// Returns the fence that the link contains.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_chain_contained()`
    #[inline]
    pub fn contained(&self) -> &Fence {
        // SAFETY: An initialised link holds a reference to its fence, which does not change.
        unsafe { Fence::from_raw((*self.inner.get()).fence) }
    }

    /// Returns the link before this one, or the fence that the chain began with. Returns `None` if
    /// this is the first link, or if all before it have signalled and were removed.
    ///
    /// Context: any; no fence lock held.
    #[inline]
    pub fn prev(&self) -> Option<ARef<Fence>> {
        let prev = self.prev_fence().get();

        if prev.is_none() {
            acquire_signaled();
        }
        prev
    }

    #[inline]
    fn prev_fence(&self) -> &RcuFence {
        // SAFETY: In an initialised link `prev` is null or owns a reference to a fence. The core
        // reads it under RCU, and changes it by `cmpxchg()`.
        unsafe { RcuFence::from_raw(&raw mut (*self.inner.get()).prev) }
    }
}

/// The memory of a link, allocated before it is needed.
///
/// C functions: `dma_fence_chain_alloc()`, `dma_fence_chain_free()`
///
/// # Examples
///
/// [`FenceChain`] has an example of a link in Rust. `drm_syncobj_add_point()` takes the memory of a
/// link and initialises it, like this:
///
/// ```
/// use dma_buf::chain::{dma_fence_chain, FenceChainAllocation};
/// use kernel::prelude::*;
///
/// # /// # Safety
/// # ///
/// # /// The memory is unused, and the caller gives it up.
/// # unsafe fn add_point(link: *mut dma_fence_chain) {
/// #     // SAFETY: By the function's contract.
/// #     drop(unsafe { FenceChainAllocation::from_raw(link) });
/// # }
/// let link = FenceChainAllocation::new()?;
/// // SAFETY: The memory is unused, and the function takes it over.
/// unsafe { add_point(link.into_raw()) };
/// # Ok::<(), Error>(())
/// ```
pub struct FenceChainAllocation {
    link: KBox<MaybeUninit<dma_fence_chain>>,
}

// SAFETY: The memory is not in use.
unsafe impl Send for FenceChainAllocation {}
// SAFETY: A shared reference gives a pointer, but no access to the memory.
unsafe impl Sync for FenceChainAllocation {}

/// Context: any, unless a function says otherwise.
impl FenceChainAllocation {
    /// Allocates the memory of a link. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    #[inline]
    pub fn new() -> Result<Self> {
        let link = slab::kmalloc::<dma_fence_chain>(GFP_KERNEL)?;

        // SAFETY: The memory is from `kmalloc()`, large enough, and not in use.
        Ok(unsafe { Self::from_raw(link.as_ptr()) })
    }

    /// Gives up the memory, for a C function that makes a link in it. The memory is leaked unless
    /// that happens, or [`Self::from_raw`] takes it back.
    #[inline]
    pub fn into_raw(self) -> *mut dma_fence_chain {
        KBox::into_raw(self.link).cast()
    }

    /// Takes over the memory of a link that C code or [`Self::into_raw`] has given up.
    ///
    /// # Safety
    ///
    /// `ptr` is from [`Self::into_raw`] or `dma_fence_chain_alloc()`. No link has been made in the
    /// memory. The caller owns it and gives it up.
    #[inline]
    pub unsafe fn from_raw(ptr: *mut dma_fence_chain) -> Self {
        Self {
            // SAFETY: By the function's contract the memory is from `kmalloc()` and is given up.
            link: unsafe { KBox::from_raw(ptr.cast()) },
        }
    }

    /// Makes a link that contains `fence` and comes after `prev`, at the point `seqno`.
    ///
    /// `prev` is the tail so far, a fence of any kind and driver. If it is `None`, is not a link,
    /// or has a point that is not below `seqno`, the link begins a timeline with a context of its
    /// own. It waits for `prev` all the same, and its point is not below that of `prev`.
    ///
    /// If a foreign driver has nested containers in `prev`, waiting for the link makes the kernel
    /// recurse in them, unless the link is [unwrapped](Fence::to_unwrapped) first.
    ///
    /// C function: `dma_fence_chain_init()`
    pub fn append(
        self,
        prev: Option<ARef<Fence>>,
        fence: impl Into<UnwrappedFence>,
        seqno: u64,
    ) -> ARef<FenceChain> {
        let fence = ARef::into_raw(fence.into().into_fence()).as_ptr();
        let prev = prev.map_or(ptr::null_mut(), |prev| ARef::into_raw(prev).as_ptr());
        let link = self.into_raw();

        // SAFETY: The memory is from `kmalloc()`, and this function owns it and the two references,
        // which the link takes over. The fence is unwrapped, so it is not a link and the function
        // does not WARN. The reference to the new link is the caller's.
        unsafe {
            bindings::dma_fence_chain_init(link, prev.cast(), fence.cast(), seqno);
            ARef::from_raw(ptr::NonNull::new_unchecked(link).cast())
        }
    }
}

/// # Chains
impl Fence {
    /// Returns the link that stands for a point of the timeline whose tail is this fence: the first
    /// link at or after the point.
    ///
    /// - Fails with `EINVAL` if the timeline has not reached the point, or if the fence is not a
    ///   link.
    /// - Links that have signalled may have been removed. Then this returns a later link, the fence
    ///   that the chain began with, or `None` if no link before the point is pending.
    /// - Point 0 stands for the tail, of any kind.
    ///
    /// Asks drivers as [`Self::is_signaled`] does.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_chain_find_seqno()`
    pub fn find_seqno(&self, seqno: u64) -> Result<Option<ARef<Fence>>> {
        let mut link = ARef::into_raw(ARef::from(self)).as_ptr().cast();

        // SAFETY: The fence is valid, and `link` owns a reference to it. The function leaves both
        // as they are, or drops the reference and stores null or a fence with a reference to it.
        unsafe {
            let result = to_result(bindings::dma_fence_chain_find_seqno(&mut link, seqno));
            let link = owned_or_null(link);

            acquire_signaled();
            result.map(|()| link)
        }
    }

    /// Returns a walk along a timeline from this fence, its tail, to the beginning. If the fence is
    /// not a link, the walk visits the fence alone.
    ///
    /// Context: any.
    #[inline]
    pub fn links(&self) -> ChainIter {
        ChainIter {
            current: Some(self.into()),
            is_started: false,
        }
    }
}

/// A walk along a chain, from the newest link to the oldest. It removes links that have signalled
/// from the chain and does not visit them, except for the first.
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
pub struct ChainIter {
    current: Option<ARef<Fence>>,
    is_started: bool,
}

impl ChainIter {
    /// Returns a walk that is at its end.
    #[inline]
    pub(crate) fn empty() -> Self {
        Self {
            current: None,
            is_started: false,
        }
    }

    /// Returns the next link, or at the end the fence that the chain began with. The walk holds the
    /// reference to it until the next call. Asks drivers as [`Fence::is_signaled`] does.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C functions: `dma_fence_chain_walk()`, `dma_fence_chain_for_each()`
    #[expect(clippy::should_implement_trait, reason = "it lends what it holds")]
    #[inline]
    pub fn next(&mut self) -> Option<&Fence> {
        if self.is_started {
            self.current = walk(self.current.take()?);
        }
        self.is_started = true;
        self.current.as_deref()
    }
}

/// Returns the pending fence before this one on a chain. Removes links that have signalled from the
/// chain.
///
/// Does what `dma_fence_chain_walk()` does, but treats a container nested in a link as pending,
/// since asking it would make the core recurse.
fn walk(fence: ARef<Fence>) -> Option<ARef<Fence>> {
    let link = fence.as_chain()?;

    loop {
        let prev = link.prev()?;
        let prev_link = prev.as_chain();

        if !has_signaled(prev_link.map_or(&prev, |link| link.contained())) {
            return Some(prev);
        }
        let replacement = prev_link.and_then(|link| link.prev());

        link.prev_fence().replace_if(&prev, replacement);
    }
}

/// Returns `true` if the fence is a leaf or an array of leaves, and has signalled.
#[inline]
fn has_signaled(fence: &Fence) -> bool {
    match fence.kind() {
        FenceKind::Leaf(leaf) => leaf.is_signaled(),
        FenceKind::Array(array) => array.is_unwrapped() && array.is_signaled(),
        FenceKind::Chain(_) => false,
    }
}
