// SPDX-License-Identifier: GPL-2.0

//! Merging: one fence for all leaves of many.
//!
//! C header: [`include/linux/dma-fence-unwrap.h`](srctree/include/linux/dma-fence-unwrap.h)

use crate::{
    array::{
        FenceArray,
        MAX_ARRAY_FENCES, //
    },
    fence::{
        signaled_at,
        AsFence,
        Kind,
        Leaf, //
    },
    flat::Flat,
    slab, //
};
use kernel::{
    alloc::{
        flags::__GFP_NOWARN,
        kvec::PushError, //
    },
    page::PAGE_SIZE,
    prelude::*,
    sync::aref::ARef,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// The most contexts that [`merge`] takes pending fences of.
pub const MAX_MERGE: usize = MAX_ARRAY_FENCES;

/// Makes one fence of all leaves of several fences.
///
/// Leaves that have signalled, and with them their errors, are left out, and of
/// each context all but the latest, as it stands for those before. What is left is
/// returned: a fence that signalled when the last one did, a leaf, or an array of
/// leaves, sorted by context. So merging what was merged nests nothing.
///
/// Process context, may sleep; never with a fence's lock held. Asks drivers as
/// [`Fence::is_signaled`] does. Any number of leaves will do; fails with `E2BIG` if
/// those pending are of more than [`MAX_MERGE`] contexts, or as [`Leaves::next`]
/// does, and with `ENOMEM`. Of no fence it makes one that signalled at time 0.
///
/// C function: `dma_fence_unwrap_merge()`
///
/// [`Leaves::next`]: crate::Leaves::next
///
/// # Examples
///
/// ```
/// use dma_buf::{merge, Fence, FenceContext, FenceContextOps};
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
/// let first = copy.new_fence(copy.new_fence_allocation(())?);
/// let second = copy.new_fence(copy.new_fence_allocation(())?);
/// let third = render.new_fence(render.new_fence_allocation(())?);
///
/// let merged = merge(&[first.fence(), second.fence(), third.fence(), Fence::stub()])?;
/// // The second stands for the first, and the last has signalled.
/// assert!(merged.as_array().is_some_and(|array| array.len() == 2));
///
/// for fence in [first, second, third] {
///     fence.signal(Ok(()));
/// }
/// merged.wait()?;
/// # Ok::<(), Error>(())
/// ```
pub fn merge<F: AsFence>(fences: &[F]) -> Result<Flat> {
    let mut found = Found::default();

    for (index, fence) in fences.iter().enumerate() {
        let (fence, rest) = (fence.as_fence(), &fences[index..]);

        // A short way for what is most frequent.
        if let Kind::Leaf(leaf) = fence.kind() {
            found.add(leaf, rest)?;
            continue;
        }
        let mut leaves = fence.leaves();
        while let Some(leaf) = leaves.next()? {
            found.add(leaf, rest)?;
        }
    }

    match found {
        Found {
            sole: Some(leaf), ..
        } => Ok(leaf.into()),
        Found {
            pending, signaled, ..
        } if pending.is_empty() => Ok(signaled_at(signaled)?.into()),
        Found { mut pending, .. } => {
            dedup(&mut pending);
            // Refuses what is too much.
            FenceArray::new(pending)
        }
    }
}

/// Keeps of each context the latest fence, and sorts by context.
///
/// Context: any.
///
/// C function: `dma_fence_dedup_array()`
///
/// # Examples
///
/// ```
/// use dma_buf::{dedup, Leaf};
/// use kernel::prelude::*;
///
/// let mut fences = KVec::new();
/// for _ in 0..3 {
///     fences.push(Leaf::stub(), GFP_KERNEL)?;
/// }
/// dedup(&mut fences);
/// assert_eq!(fences.len(), 1);
/// # Ok::<(), Error>(())
/// ```
pub fn dedup(fences: &mut KVec<ARef<Leaf>>) {
    if fences.is_empty() {
        return;
    }
    // Not by number, too: of a foreign context these may be 32 bits wide and wrap
    // round, which is no order to sort by.
    sort(fences);

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

/// Gaps, by Sedgewick, with which sorting n takes no more than some n^(4/3) steps.
const GAPS: [usize; 9] = [65921, 16577, 4193, 1073, 281, 77, 23, 8, 1];

/// Sorts by context.
///
/// Shellsort: what `core` has for it recurses, which takes more stack than there
/// is, and allocating may fail.
fn sort(fences: &mut [ARef<Leaf>]) {
    for gap in GAPS {
        for index in gap..fences.len() {
            let context = fences[index].context();
            let mut at = index;

            while at >= gap && fences[at - gap].context() > context {
                fences.swap(at - gap, at);
                at -= gap;
            }
        }
    }
}

/// Leaves that were found. Mostly there is one pending, which then needs no
/// memory.
///
/// # Invariants
///
/// `pending` is empty if there is one in `sole`.
#[derive(Default)]
struct Found {
    sole: Option<ARef<Leaf>>,
    pending: KVec<ARef<Leaf>>,
    /// When the latest of those that have signalled did, in ns of CLOCK_MONOTONIC.
    signaled: i64,
}

impl Found {
    /// Notes one; it, and others, may still come from `rest`.
    #[inline]
    fn add<F: AsFence>(&mut self, leaf: &Leaf, rest: &[F]) -> Result {
        if leaf.is_signaled() {
            self.signaled = self.signaled.max(when(leaf));
            return Ok(());
        }
        match self.pending.push_within_capacity(leaf.into()) {
            Ok(()) => Ok(()),
            Err(PushError(leaf)) => self.add_more(leaf, rest),
        }
    }

    /// Makes room for a pending one.
    #[inline(never)]
    fn add_more<F: AsFence>(&mut self, leaf: ARef<Leaf>, rest: &[F]) -> Result {
        if self.pending.is_empty() {
            let Some(sole) = self.sole.take() else {
                self.sole = Some(leaf);
                return Ok(());
            };
            self.pending = slab::pointers(1 + at_least(rest))?;
            self.pending.push(sole, GFP_KERNEL)?;
        }
        // What is left then is rarely this much, so this is rarely done.
        if self.pending.len() >= 2 * MAX_MERGE {
            dedup(&mut self.pending);
            if self.pending.len() > MAX_MERGE {
                return Err(E2BIG);
            }
        }
        self.pending.push(leaf, GFP_KERNEL | __GFP_NOWARN)?;
        Ok(())
    }
}

/// Between two looks at whether a signal has its time yet.
///
/// More than the 10 us up to which `fsleep()` does not sleep: what puts the time in
/// may be a thread that needs this CPU and, if we spin and are the more urgent, never
/// gets it.
const MOMENT: Delta = Delta::from_micros(20);

/// When a leaf that has signalled did, in ns of CLOCK_MONOTONIC; if it just does, in
/// a moment.
#[inline]
fn when(leaf: &Leaf) -> i64 {
    loop {
        if let Some(timestamp) = leaf.timestamp_ns() {
            return timestamp;
        }
        fsleep(MOMENT);
    }
}

/// As many as a page has room for: what is allocated at once, and may turn out not
/// to be needed.
const MANY: usize = PAGE_SIZE / size_of::<ARef<Leaf>>() - 1;

/// A number of leaves that these fences may well have, and mostly have exactly.
fn at_least<F: AsFence>(fences: &[F]) -> usize {
    let leaves = fences.iter().map(|fence| match fence.as_fence().kind() {
        Kind::Array(array) => array.len(),
        Kind::Leaf(_) | Kind::Chain(_) => 1,
    });

    leaves.fold(0, usize::saturating_add).min(MANY)
}
