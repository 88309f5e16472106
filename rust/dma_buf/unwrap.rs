// SPDX-License-Identifier: GPL-2.0

//! Unwrapping: the leaves of containers, and one fence for the leaves of several fences.
//!
//! A driver gets fences of any kind from other drivers. [`Fence::to_unwrapped`] turns one into a
//! fence that goes into a link of a chain or a reservation object and can be waited for without
//! recursion. [`unwrap_merge`] makes one such fence of several. Both accept any nesting.
//!
//! # Errors of in-fences
//!
//! A merge leaves out leaves that have signalled, with their errors. A driver that refuses a job if
//! an in-fence has failed looks at the leaves before the merge, and at those of the merged fence
//! when it has signalled. The first walk along a chain removes links that have signalled, so their
//! errors are lost.
//!
//! ```
//! use dma_buf::{unwrap::unwrap_merge, Fence, UnwrappedFence};
//! use kernel::{prelude::*, sync::aref::ARef};
//!
//! /// Merges the in-fences of a job. Fails with the error of the first that has failed.
//! fn in_fence(fences: &[ARef<Fence>]) -> Result<UnwrappedFence> {
//!     for fence in fences {
//!         let mut leaves = fence.leaves();
//!
//!         while let Some(leaf) = leaves.next()? {
//!             leaf.error().map_or(Ok(()), Err)?;
//!         }
//!     }
//!     unwrap_merge(fences.iter().map(|fence| &**fence))
//! }
//!
//! /// Returns the first error of the in-fences, after they have signalled.
//! fn failed(in_fence: &UnwrappedFence) -> Option<Error> {
//!     in_fence.iter().find_map(|leaf| leaf.error())
//! }
//! # assert!(failed(&in_fence(&[Fence::stub()])?).is_none());
//! # Ok::<(), Error>(())
//! ```
//!
//! C header: [`include/linux/dma-fence-unwrap.h`](srctree/include/linux/dma-fence-unwrap.h)

use crate::{
    array::{
        FenceArray,
        MAX_ARRAY_FENCES, //
    },
    chain::ChainIter,
    fence::{
        signaled_at,
        Fence,
        FenceKind,
        Leaf, //
    }, //
};
use core::{
    mem::{
        forget,
        replace, //
    },
    ops::{
        Deref,
        Range, //
    },
    ptr::{
        null,
        NonNull, //
    },
    slice, //
};
use kernel::{
    alloc::{
        flags::{
            __GFP_NOWARN,
            GFP_NOWAIT, //
        },
        kvec::PushError, //
    },
    fmt,
    prelude::*,
    sync::aref::ARef,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// A leaf or an array of leaves.
///
/// # Examples
///
/// ```
/// use dma_buf::{chain::FenceChainAllocation, Fence, Leaf, UnwrappedFence};
/// use kernel::prelude::*;
///
/// let link = FenceChainAllocation::new()?.append(None, Leaf::stub(), 1);
///
/// // A link must not be put into a link, but its leaves may.
/// let unwrapped: UnwrappedFence = link.to_unwrapped()?;
/// assert!(!unwrapped.is_chain());
/// FenceChainAllocation::new()?.append(Some(Fence::stub()), unwrapped, 1);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// It is neither a link of a chain nor an array with a container in it.
#[derive(Clone, PartialEq, Eq)]
pub struct UnwrappedFence(ARef<Fence>);

/// Context: any.
impl UnwrappedFence {
    /// Converts from an array.
    ///
    /// # Safety
    ///
    /// All members of the array are leaves.
    #[inline]
    pub(crate) unsafe fn from_array_unchecked(array: ARef<FenceArray>) -> Self {
        // INVARIANT: By the function's contract.
        Self(FenceArray::into_fence(array))
    }

    /// Converts to a reference to a fence of any kind.
    #[inline]
    pub fn into_fence(self) -> ARef<Fence> {
        self.0
    }

    /// Returns the number of leaves: 1 for a leaf.
    pub fn leaf_count(&self) -> usize {
        self.as_array().map_or(1, FenceArray::len)
    }

    /// Returns an iterator over the leaves.
    pub fn iter(&self) -> impl Iterator<Item = &Leaf> {
        let members = self.as_array().map_or(&[][..], FenceArray::fences);

        // SAFETY: By the type invariant the members of an array are leaves.
        let members = members
            .iter()
            .map(|fence| unsafe { Leaf::ref_unchecked(fence) });
        Iterator::chain(self.as_leaf().into_iter(), members)
    }
}

impl From<ARef<Leaf>> for UnwrappedFence {
    #[inline]
    fn from(leaf: ARef<Leaf>) -> Self {
        // INVARIANT: It is a leaf.
        Self(Leaf::into_fence(leaf))
    }
}

impl From<UnwrappedFence> for ARef<Fence> {
    #[inline]
    fn from(fence: UnwrappedFence) -> Self {
        fence.0
    }
}

impl Deref for UnwrappedFence {
    type Target = Fence;

    #[inline]
    fn deref(&self) -> &Fence {
        &self.0
    }
}

impl fmt::Debug for UnwrappedFence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// # Unwrapping
impl Fence {
    /// Returns the fence itself if it is a leaf or an array of leaves. Otherwise merges the leaves
    /// in it, as [`unwrap_merge`] does, and fails as that does.
    ///
    /// Context: process; may sleep.
    pub fn to_unwrapped(&self) -> Result<UnwrappedFence> {
        if self.is_unwrapped() {
            // INVARIANT: Just checked. The kind of a fence and the members of an array do not
            // change.
            return Ok(UnwrappedFence(self.into()));
        }
        unwrap_merge([self])
    }

    /// Returns `true` if the fence is a leaf or an array of leaves.
    fn is_unwrapped(&self) -> bool {
        match self.kind() {
            FenceKind::Leaf(_) => true,
            FenceKind::Array(array) => array.is_unwrapped(),
            FenceKind::Chain(_) => false,
        }
    }

    /// Returns `true` if registering a callback would make the core recurse, because a foreign
    /// driver has nested containers in the fence. Looks into an array and into the first link of a
    /// chain, not into the others, as a chain may be long.
    #[inline]
    pub(crate) fn needs_unwrapping(&self) -> bool {
        !self.is_signaling_enabled() && self.is_container() && self.is_nested()
    }

    #[cold]
    #[inline(never)]
    fn is_nested(&self) -> bool {
        let is_unwrapped = match self.as_chain() {
            Some(link) => link.contained().is_unwrapped(),
            None => self.is_unwrapped(),
        };

        !is_unwrapped && !self.test_signaled_flag()
    }

    /// Returns a walk over the leaves in the fence.
    ///
    /// Context: any.
    #[inline]
    pub fn leaves(&self) -> UnwrapIter {
        // INVARIANT: The range is empty.
        UnwrapIter {
            members: null()..null(),
            links: self.links(),
            nested: None,
        }
    }
}

/// The highest number of fences that [`UnwrapIter`] visits in nested containers. Thirty arrays are
/// enough for 2^30 visits, if each contains the one before it twice.
const MAX_NESTED: usize = 262144;

/// A walk over the leaves in a fence.
///
/// It visits a leaf itself, the members of an array, and the leaves in each link of a chain, from
/// the newest link to the oldest. It removes links that have signalled from the chain and does not
/// visit them, except for the first. A leaf that is in the fence several times is visited several
/// times. A container that is nested where none must be is visited after the one that contains it,
/// with the same amount of stack for any depth.
///
/// See the [module](self#errors-of-in-fences) for an example.
///
/// # Invariants
///
/// `members` are members of an array. `links` is at that array, or at the link that contains it,
/// and so holds references that keep the members valid.
pub struct UnwrapIter {
    members: Range<*const NonNull<Fence>>,
    links: ChainIter,
    nested: Option<Nested>,
}

/// Containers that a driver has nested where it must not.
struct Nested {
    /// The containers still to be visited.
    containers: KVec<ARef<Fence>>,
    /// The number of fences in such containers that may still be visited. `None` before the first.
    remaining: Option<usize>,
}

// SAFETY: By the type invariant `links` keeps the members valid. Fences may be used on any CPU.
unsafe impl Send for UnwrapIter {}

impl UnwrapIter {
    /// Returns the next leaf. The walk holds a reference to it until the next call. Fails only if a
    /// driver has nested containers where it must not: with `ENOMEM`, which leaves one container
    /// out, and with `E2BIG` after 262 144 fences in such containers, which ends the walk.
    /// Asks drivers as [`Fence::is_signaled`] does.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C functions: `dma_fence_unwrap_first()`, `dma_fence_unwrap_next()`,
    /// `dma_fence_unwrap_for_each()`
    #[expect(clippy::should_implement_trait, reason = "it lends what it holds")]
    // A call would take thirty instructions for each leaf.
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<&Leaf>> {
        loop {
            if self.members.start != self.members.end {
                // SAFETY: The range is not empty, so by the type invariant it starts with a member,
                // which `links` keeps valid until the next call.
                let fence = unsafe {
                    let fence = *self.members.start;

                    self.members.start = self.members.start.add(1);
                    fence.as_ref()
                };
                match fence.as_leaf() {
                    Some(leaf) => return Ok(Some(leaf)),
                    None => self.visit_later(fence)?,
                }
                continue;
            }
            let Some(fence) = self.next_contained() else {
                return Ok(None);
            };
            // SAFETY: `links` is at this fence, or at the link that contains it, and keeps it valid
            // until the next call.
            match unsafe { fence.as_ref() }.kind() {
                FenceKind::Leaf(leaf) => {
                    self.count_nested(1)?;
                    return Ok(Some(leaf));
                }
                FenceKind::Array(array) => {
                    let members = array.fences().as_ptr_range();

                    self.count_nested(1 + array.len())?;
                    // INVARIANT: These are members of the array that `links` is at. A reference is
                    // a pointer that is not null.
                    self.members = members.start.cast()..members.end.cast();
                }
                FenceKind::Chain(chain) => {
                    self.count_nested(1)?;
                    self.visit_later(chain)?;
                }
            }
        }
    }

    /// Moves to the next link, or to the next nested container if there is no link left. Returns
    /// the fence that the link contains.
    #[inline]
    fn next_contained(&mut self) -> Option<NonNull<Fence>> {
        loop {
            if let Some(link) = self.links.next() {
                let contained = link.as_chain().map_or(link, |link| link.contained());

                return Some(NonNull::from(contained));
            }
            let nested = self.nested.as_mut()?;

            self.links = nested.containers.pop()?.links();
            nested.remaining.get_or_insert(MAX_NESTED);
        }
    }

    /// Stores a nested container, to be visited later.
    #[cold]
    #[inline(never)]
    fn visit_later(&mut self, container: &Fence) -> Result {
        let nested = self.nested.get_or_insert_with(|| Nested {
            containers: KVec::new(),
            remaining: None,
        });

        Ok(nested
            .containers
            .push(container.into(), GFP_NOWAIT | __GFP_NOWARN)?)
    }

    /// Counts visited fences if they are in a nested container.
    #[inline]
    fn count_nested(&mut self, fences: usize) -> Result {
        let nested = self.nested.as_mut();
        let Some(remaining) = nested.and_then(|nested| nested.remaining.as_mut()) else {
            return Ok(());
        };
        if let Some(fewer) = remaining.checked_sub(fences) {
            *remaining = fewer;
            return Ok(());
        }
        self.links = ChainIter::empty();
        self.nested = None;
        Err(E2BIG)
    }
}

/// Merges the leaves in several fences into one fence.
///
/// - Leaves that have signalled are left out, and so are [their errors](self#errors-of-in-fences).
/// - Of each context only the latest leaf is kept, which stands for those before it.
/// - One leaf that is left is returned. Several become an array, sorted by context.
/// - If all have signalled, the leaf that signalled last is returned, or, if that leaf has failed,
///   a new fence with its timestamp; if there are none, a fence that signalled at time 0.
///
/// The number of leaves is not bounded. Asks drivers as [`Fence::is_signaled`] does.
/// Fails with `E2BIG` if leaves of more than 65 280 contexts are pending, with `ENOMEM`, and as
/// [`UnwrapIter::next`] does.
///
/// Context: process; may sleep.
///
/// C function: `dma_fence_unwrap_merge()`
///
/// # Examples
///
/// ```
/// use dma_buf::{unwrap::unwrap_merge, Fence, FenceContext};
/// use kernel::prelude::*;
///
/// let copy = FenceContext::new(c"mygpu", c"copy", ())?;
/// let render = FenceContext::new(c"mygpu", c"render", ())?;
/// let first = copy.new_fence(copy.new_fence_allocation(())?);
/// let second = copy.new_fence(copy.new_fence_allocation(())?);
/// let third = render.new_fence(render.new_fence_allocation(())?);
/// let stub = Fence::stub();
///
/// let merged = unwrap_merge([first.as_fence(), second.as_fence(), third.as_fence(), &stub])?;
/// // The second fence stands for the first, and the stub has signalled.
/// assert!(merged.as_array().is_some_and(|array| array.len() == 2));
///
/// for fence in [first, second, third] {
///     fence.signal(Ok(()));
/// }
/// merged.wait()?;
/// # Ok::<(), Error>(())
/// ```
pub fn unwrap_merge<'a>(fences: impl IntoIterator<Item = &'a Fence>) -> Result<UnwrappedFence> {
    let mut merge = Merge::Signaled(None);

    for fence in fences {
        let members = fence
            .as_array()
            .map_or(slice::from_ref(&fence), FenceArray::fences);

        if !merge.add_leaves(members)? {
            merge.add_all_leaves(fence)?;
        }
    }
    merge.finish()
}

/// Removes all but the latest fence of each context, and sorts by context.
///
/// Context: any; no fence lock held.
///
/// C function: `dma_fence_dedup_array()`
///
/// # Examples
///
/// ```
/// use dma_buf::{unwrap::dedup_array, Leaf};
/// use kernel::prelude::*;
///
/// let mut fences = KVec::new();
/// for _ in 0..3 {
///     fences.push(Leaf::stub(), GFP_KERNEL)?;
/// }
/// dedup_array(&mut fences);
/// assert_eq!(fences.len(), 1);
/// # Ok::<(), Error>(())
/// ```
pub fn dedup_array(fences: &mut KVec<ARef<Leaf>>) {
    if fences.is_empty() {
        return;
    }
    // Not by seqno: seqnos of 32 bits wrap round, so they are not totally ordered.
    sort_by_key(fences, |fence| fence.context());

    let mut last = 0;
    for next in 1..fences.len() {
        match fences[next].is_later(&fences[last]) {
            Some(true) => fences.swap(last, next),
            Some(false) => {}
            None => {
                last += 1;
                fences.swap(last, next);
            }
        }
    }
    fences.truncate(last + 1);
}

/// The number of pending leaves for which a merge first allocates room. Few merges have more.
const FIRST_CAPACITY: usize = 8;

/// The leaves that a merge has found.
enum Merge {
    /// No leaf is pending. Holds the leaf that signalled last, and when, in ns of CLOCK_MONOTONIC.
    Signaled(Option<(ARef<Leaf>, i64)>),
    /// One leaf is pending. Most merges find no more, so this allocates nothing.
    One(ARef<Leaf>),
    /// At least two leaves are pending.
    Many(KVec<ARef<Leaf>>),
}

impl Merge {
    /// Adds fences, up to the first that is not a leaf. Returns `true` if all are leaves.
    #[inline]
    fn add_leaves(&mut self, fences: &[&Fence]) -> Result<bool> {
        for fence in fences {
            let Some(leaf) = fence.as_leaf() else {
                return Ok(false);
            };
            self.add(leaf)?;
        }
        Ok(true)
    }

    /// Adds all leaves in a fence. Leaves that were added before become duplicates.
    #[inline(never)]
    fn add_all_leaves(&mut self, fence: &Fence) -> Result {
        let mut leaves = fence.leaves();

        while let Some(leaf) = leaves.next()? {
            self.add(leaf)?;
        }
        Ok(())
    }

    // A call would cost as much as the rest.
    #[inline(always)]
    fn add(&mut self, leaf: &Leaf) -> Result {
        if leaf.is_signaled() {
            if let Merge::Signaled(last) = self {
                let time = wait_for_timestamp(leaf);

                if last.as_ref().is_none_or(|(_, last)| *last < time) {
                    *last = Some((leaf.into(), time));
                }
            }
            return Ok(());
        }
        let leaf = ARef::from(leaf);

        match self {
            Merge::Signaled(last) => {
                drop(last.take());
                // There is nothing left to drop, which the compiler does not see.
                forget(replace(self, Merge::One(leaf)));
            }
            Merge::One(first) => {
                let mut pending = KVec::with_capacity(FIRST_CAPACITY, GFP_KERNEL)?;

                pending.push(first.clone(), GFP_KERNEL)?;
                pending.push(leaf, GFP_KERNEL)?;
                *self = Merge::Many(pending);
            }
            Merge::Many(pending) => {
                if let Err(PushError(leaf)) = pending.push_within_capacity(leaf) {
                    push_leaf(pending, leaf)?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn finish(self) -> Result<UnwrappedFence> {
        match self {
            Merge::One(leaf) => Ok(leaf.into()),
            Merge::Many(mut pending) => {
                dedup_array(&mut pending);
                FenceArray::create(pending)
            }
            Merge::Signaled(Some((leaf, _))) if leaf.error().is_none() => Ok(leaf.into()),
            Merge::Signaled(last) => Ok(signaled_at(last.map_or(0, |(_, time)| time))?.into()),
        }
    }
}

/// Adds a leaf to those of which an array will be made. Fails with `E2BIG` if they are too many.
#[inline(never)]
pub(crate) fn push_leaf(leaves: &mut KVec<ARef<Leaf>>, leaf: ARef<Leaf>) -> Result {
    // There may be more leaves than an array can have, but of few contexts.
    if leaves.len() >= 2 * MAX_ARRAY_FENCES {
        dedup_array(leaves);
        if leaves.len() > MAX_ARRAY_FENCES {
            return Err(E2BIG);
        }
    }
    Ok(leaves.push(leaf, GFP_KERNEL | __GFP_NOWARN)?)
}

/// Returns the timestamp of a leaf that has signalled, in ns of CLOCK_MONOTONIC; waits for it if
/// the leaf is just signalling.
#[inline]
fn wait_for_timestamp(leaf: &Leaf) -> i64 {
    match leaf.timestamp_ns() {
        Some(timestamp @ 0..) => timestamp,
        _ => sleep_for_timestamp(leaf),
    }
}

/// A thread of lower priority that sets it may need this CPU, so this sleeps, for longer than the
/// 10 us up to which `fsleep()` spins. A driver's time that is negative even then becomes 0.
#[cold]
#[inline(never)]
fn sleep_for_timestamp(leaf: &Leaf) -> i64 {
    loop {
        fsleep(Delta::from_micros(20));
        if let Some(timestamp) = leaf.timestamp_ns() {
            return timestamp.max(0);
        }
    }
}

/// Sorts by a key: a Shellsort with Knuth's gaps, which takes O(n^1.5) steps.
///
/// `sort_unstable()` of `core` recurses and needs more stack than the kernel has. The kernel's
/// `sort()` calls a function for each comparison: `dma_fence_dedup_array()`, which uses it, takes
/// nearly three times as long as with this.
#[inline]
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    let mut gap = 1;

    while gap < items.len() / 3 {
        gap = 3 * gap + 1;
    }
    while gap > 0 {
        for index in gap..items.len() {
            let this = key(&items[index]);
            let mut at = index;

            while at >= gap && key(&items[at - gap]) > this {
                items.swap(at - gap, at);
                at -= gap;
            }
        }
        gap /= 3;
    }
}
