// SPDX-License-Identifier: GPL-2.0

//! The order of fences of one context.

use super::Fence;
use crate::bindings;

/// The later one of two fences of a context.
///
/// # Examples
///
/// ```
/// use dma_buf::Later;
/// use kernel::prelude::*;
/// # use dma_buf::{FenceContext, FenceContextOps};
/// # struct Ring;
/// # #[vtable]
/// # impl FenceContextOps for Ring {
/// #     type FenceData = ();
/// # }
/// # let ring = FenceContext::new(c"mygpu", c"ring 0", Ring)?;
///
/// let first = ring.new_fence(ring.new_fence_allocation(())?);
/// let second = ring.new_fence(ring.new_fence_allocation(())?);
///
/// // Whoever waits for both need wait for one only.
/// if let Some(Later::Pending(fence)) = first.as_fence().later(second.as_fence()) {
///     assert_eq!(fence.seqno(), 2);
/// }
/// first.signal(Ok(()));
/// second.signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
pub enum Later<'a> {
    /// It is pending, and so stands for both.
    Pending(&'a Fence),
    /// It has signalled, and so have both.
    Signaled,
}

impl Fence {
    /// Whether both fences belong to one context, and so are ordered.
    ///
    /// Context: any.
    #[inline]
    pub fn same_context(&self, other: &Fence) -> bool {
        self.context() == other.context()
    }

    /// Whether this fence comes after the other in their context; `None` if they
    /// have none in common.
    ///
    /// Numbers are compared as the fence's driver has it: 64 bits wide, or 32
    /// bits and wrapping round.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_is_later()`
    pub fn is_later(&self, other: &Fence) -> Option<bool> {
        if !self.same_context(other) {
            return None;
        }
        Some(
            if self.flags_has(bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SEQNO64_BIT) {
                self.seqno() > other.seqno()
            } else {
                (self.seqno() as u32).wrapping_sub(other.seqno() as u32) as i32 > 0
            },
        )
    }

    /// Whether this fence comes after the other in their context, or is the
    /// same; `None` if they have no context in common.
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_is_later_or_same()`
    pub fn is_later_or_same(&self, other: &Fence) -> Option<bool> {
        if core::ptr::eq(self, other) {
            return Some(true);
        }
        self.is_later(other)
    }

    /// The later one of two fences, if it is pending; `None` if they have no
    /// context in common. Asks its driver as [`Self::is_signaled`] does, with the
    /// [same care](crate#containers) for containers of foreign drivers.
    ///
    /// Context: any, but never with a fence's lock held.
    ///
    /// C function: `dma_fence_later()`
    pub fn later<'a>(&'a self, other: &'a Fence) -> Option<Later<'a>> {
        let later = if self.is_later(other)? { self } else { other };

        Some(if later.is_signaled() {
            Later::Signaled
        } else {
            Later::Pending(later)
        })
    }
}
