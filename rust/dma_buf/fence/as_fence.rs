// SPDX-License-Identifier: GPL-2.0

//! Whatever is, or refers to, a fence.

use super::{
    Fence,
    Leaf, //
};
use crate::{
    array::FenceArray,
    chain::FenceChain,
    context::FenceContextOps,
    driver_fence::DriverFence,
    flat::Flat, //
};
use kernel::sync::aref::{
    ARef,
    AlwaysRefCounted, //
};

/// What can be taken for a fence: a fence of any kind, and a reference to one.
///
/// For functions that take many fences, in whatever form a driver has them.
///
/// # Examples
///
/// ```
/// use dma_buf::{AsFence, Fence, Leaf};
///
/// fn are_done(fences: &[impl AsFence]) -> bool {
///     fences.iter().all(|fence| fence.as_fence().is_signaled())
/// }
/// assert!(are_done(&[Fence::stub()]));
/// assert!(are_done(&[&Leaf::stub()]));
/// ```
pub trait AsFence {
    /// The fence.
    fn as_fence(&self) -> &Fence;
}

impl AsFence for Fence {
    #[inline]
    fn as_fence(&self) -> &Fence {
        self
    }
}

/// What dereferences to a fence.
macro_rules! by_deref {
    ($($name:ident),*) => {
        $(
            impl AsFence for $name {
                #[inline]
                fn as_fence(&self) -> &Fence {
                    self
                }
            }
        )*
    };
}
by_deref!(Leaf, FenceArray, FenceChain, Flat);

impl<T: FenceContextOps> AsFence for DriverFence<T> {
    #[inline]
    fn as_fence(&self) -> &Fence {
        DriverFence::as_fence(self)
    }
}

impl<T: AsFence + AlwaysRefCounted> AsFence for ARef<T> {
    #[inline]
    fn as_fence(&self) -> &Fence {
        T::as_fence(self)
    }
}

impl<T: AsFence + ?Sized> AsFence for &T {
    #[inline]
    fn as_fence(&self) -> &Fence {
        T::as_fence(self)
    }
}
