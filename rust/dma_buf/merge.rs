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
        Fence,
        Kind,
        Leaf, //
    },
    flat::Flat, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
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
/// those pending are of more than [`MAX_MERGE`] contexts, `ENOMEM`.
///
/// C function: `dma_fence_unwrap_merge()`
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
/// let merged = merge(&[&first.fence(), &second.fence(), &third.fence(), &Fence::stub()])?;
/// // The second stands for the first, and the last has signalled.
/// assert!(merged.as_array().is_some_and(|array| array.len() == 2));
///
/// for fence in [first, second, third] {
///     fence.signal(Ok(()));
/// }
/// merged.wait()?;
/// # Ok::<(), Error>(())
/// ```
pub fn merge(fences: &[&Fence]) -> Result<Flat> {
    let mut pending = Pending::default();
    let mut latest = 0;

    for (index, fence) in fences.iter().enumerate() {
        let mut leaves = fence.leaves();

        while let Some(leaf) = leaves.next()? {
            if leaf.is_signaled() {
                latest = leaf.timestamp_ns().map_or(latest, |ns| ns.max(latest));
            } else {
                pending.push(leaf.into(), || at_least(&fences[index..]))?;
            }
        }
    }

    match pending {
        Pending { sole: Some(leaf), .. } => Ok(leaf.into()),
        Pending { all, .. } if all.is_empty() => Ok(signaled_at(latest)?.into()),
        Pending { mut all, .. } => {
            dedup(&mut all);
            // Refuses what is too much.
            FenceArray::new(all)
        }
    }
}

/// Keeps of each context the latest fence, and sorts by context.
///
/// Context: any.
///
/// C function: `dma_fence_dedup_array()`
pub fn dedup(fences: &mut KVec<ARef<Leaf>>) {
    if fences.is_empty() {
        return;
    }
    // Not by number, too: of a foreign context these may be 32 bits wide and wrap
    // round, which is no order to sort by.
    fences.sort_unstable_by_key(|fence| fence.context());

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

/// Pending leaves. Mostly there is one, which then needs no memory.
///
/// # Invariants
///
/// `all` is empty if there is one in `sole`.
#[derive(Default)]
struct Pending {
    sole: Option<ARef<Leaf>>,
    all: KVec<ARef<Leaf>>,
}

impl Pending {
    /// Puts one more in; `at_least` says how many might come.
    #[inline]
    fn push(&mut self, leaf: ARef<Leaf>, at_least: impl FnOnce() -> usize) -> Result {
        if self.all.is_empty() {
            let Some(sole) = self.sole.take() else {
                self.sole = Some(leaf);
                return Ok(());
            };
            self.all.reserve(1 + at_least(), GFP_KERNEL)?;
            self.all.push(sole, GFP_KERNEL)?;
        }
        // What takes the place of what can be left out is no more, so this is
        // rarely done.
        if self.all.len() == 2 * MAX_MERGE {
            dedup(&mut self.all);
            if self.all.len() > MAX_MERGE {
                return Err(E2BIG);
            }
        }
        self.all.push(leaf, GFP_KERNEL)?;
        Ok(())
    }
}

/// A number of leaves that these fences may well have, and mostly have exactly.
fn at_least(fences: &[&Fence]) -> usize {
    let leaves = fences.iter().map(|fence| match fence.kind() {
        Kind::Array(array) => array.len(),
        Kind::Leaf(_) | Kind::Chain(_) => 1,
    });

    leaves.fold(0, usize::saturating_add).min(MAX_MERGE)
}
