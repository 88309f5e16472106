// SPDX-License-Identifier: GPL-2.0

//! What is a leaf, or an array of leaves.

use crate::{
    array::FenceArray,
    fence::{
        Fence,
        Kind,
        Leaf, //
    },
    merge::merge, //
};
use core::ops::Deref;
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// A leaf, or an array of leaves: what a link of a chain may contain.
///
/// [`Fence::flatten`] makes one of any fence; building an array and merging give
/// one.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, FenceChainAllocation, Flat, Leaf};
/// use kernel::prelude::*;
///
/// let link = FenceChainAllocation::new()?.append(None, Leaf::stub(), 1);
///
/// // A link cannot go into a link; what is in it can.
/// let flat: Flat = link.flatten()?;
/// assert!(!flat.is_chain());
/// FenceChainAllocation::new()?.append(Some(Fence::stub()), flat, 1);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// It is not a link of a chain, nor an array with a container in it.
pub struct Flat(ARef<Fence>);

impl Flat {
    /// # Safety
    ///
    /// The array has only leaves in it.
    pub(crate) unsafe fn from_array_unchecked(array: ARef<FenceArray>) -> Self {
        // INVARIANT: By the function's contract.
        Self(FenceArray::into_fence(array))
    }

    /// The same fence.
    #[inline]
    pub fn into_fence(self) -> ARef<Fence> {
        self.0
    }

    /// How many leaves there are in it; a leaf has one, itself.
    ///
    /// Context: any, also a callback.
    pub fn leaf_count(&self) -> usize {
        self.as_array().map_or(1, FenceArray::len)
    }

    /// The leaves in it.
    ///
    /// Context: any, also a callback.
    pub fn iter(&self) -> impl Iterator<Item = &Leaf> {
        let array = self.as_array().into_iter().flat_map(FenceArray::iter);

        // SAFETY: By the type invariant what is in an array is a leaf.
        let members = array.map(|fence| unsafe { Leaf::ref_unchecked(fence) });
        Iterator::chain(self.as_leaf().into_iter(), members)
    }
}

impl From<ARef<Leaf>> for Flat {
    #[inline]
    fn from(leaf: ARef<Leaf>) -> Self {
        Self(Leaf::into_fence(leaf))
    }
}

impl From<Flat> for ARef<Fence> {
    #[inline]
    fn from(flat: Flat) -> Self {
        flat.0
    }
}

impl Clone for Flat {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Deref for Flat {
    type Target = Fence;

    #[inline]
    fn deref(&self) -> &Fence {
        &self.0
    }
}

impl Fence {
    /// The fence itself, if it is a leaf or an array of leaves; otherwise a new
    /// one, of all leaves in it, as [`merge`] makes it.
    ///
    /// Process context, may sleep; never with a fence's lock held. Fails as
    /// [`merge`] does.
    pub fn flatten(&self) -> Result<Flat> {
        if self.is_flat() {
            // INVARIANT: As just seen.
            return Ok(Flat(self.into()));
        }
        merge(&[self])
    }

    /// Whether it is a leaf or an array of leaves.
    fn is_flat(&self) -> bool {
        match self.kind() {
            Kind::Leaf(_) => true,
            Kind::Array(array) => array.is_flat(),
            Kind::Chain(_) => false,
        }
    }

    /// Whether a foreign driver has put into the fence what must not be there, and the
    /// core is about to recurse in it: a callback that is added goes down to the
    /// leaves unless there has been one before.
    ///
    /// Looks into an array, or a link, but not along the chain: that may be long.
    #[inline]
    pub(crate) fn is_to_be_flattened(&self) -> bool {
        !self.is_enabled() && self.is_container() && self.is_nested()
    }

    #[cold]
    #[inline(never)]
    fn is_nested(&self) -> bool {
        let is_well_formed = match self.kind() {
            Kind::Chain(link) => link.contained().is_flat(),
            Kind::Leaf(_) | Kind::Array(_) => self.is_flat(),
        };

        !is_well_formed && !self.test_signaled_flag()
    }
}
