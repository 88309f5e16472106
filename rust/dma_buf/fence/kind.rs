// SPDX-License-Identifier: GPL-2.0

//! The kinds of fences: leaves, arrays and links of chains.

use super::Fence;
use crate::{
    array::FenceArray,
    bindings,
    chain::FenceChain, //
};
use kernel::sync::aref::ARef;

/// Defines a kind of fence, whose C structure starts with a `dma_fence`.
macro_rules! fence_kind {
    ($(#[$attr:meta])* $name:ident($c:ident)) => {
        $(#[$attr])*
        #[repr(transparent)]
        pub struct $name {
            inner: ::kernel::types::Opaque<$crate::bindings::$c>,
        }

        // References to one are cast to references to the other.
        const _: () = assert!(core::mem::align_of::<$name>() == core::mem::align_of::<Fence>());

        // SAFETY: It is a fence, which may be used, and its last reference dropped, on any CPU
        // and in any context.
        unsafe impl Send for $name {}
        // SAFETY: The C functions do their own locking.
        unsafe impl Sync for $name {}

        impl $name {
            /// Converts to a reference to a fence of any kind.
            ///
            /// Context: any.
            #[inline]
            pub fn into_fence(this: ARef<Self>) -> ARef<Fence> {
                // SAFETY: The structure starts with a fence. The reference is passed on.
                unsafe { ARef::from_raw(ARef::into_raw(this).cast()) }
            }

            /// Converts from a reference to a fence of any kind.
            ///
            /// # Safety
            ///
            /// The fence is of this kind.
            #[allow(dead_code, reason = "not every kind needs it")]
            #[inline]
            pub(crate) unsafe fn from_fence_unchecked(fence: ARef<Fence>) -> ARef<Self> {
                // SAFETY: By the function's contract. The reference is passed on.
                unsafe { ARef::from_raw(ARef::into_raw(fence).cast()) }
            }

            /// Borrows a fence as one of this kind.
            ///
            /// # Safety
            ///
            /// The fence is of this kind.
            #[inline]
            pub(crate) unsafe fn ref_unchecked(fence: &Fence) -> &Self {
                // SAFETY: By the function's contract.
                unsafe { &*fence.as_raw().cast() }
            }
        }

        impl core::ops::Deref for $name {
            type Target = Fence;

            #[inline]
            fn deref(&self) -> &Fence {
                // SAFETY: By the type invariant the structure starts with a fence, which has a
                // reference as long as it is borrowed.
                unsafe { Fence::from_raw(core::ptr::from_ref(self).cast_mut().cast()) }
            }
        }

        impl PartialEq for $name {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                **self == **other
            }
        }

        impl Eq for $name {}

        impl ::kernel::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::kernel::fmt::Formatter<'_>) -> ::kernel::fmt::Result {
                ::kernel::fmt::Debug::fmt(&**self, f)
            }
        }

        // SAFETY: A fence is reference counted.
        unsafe impl kernel::sync::aref::AlwaysRefCounted for $name {
            #[inline]
            fn inc_ref(&self) {
                (**self).inc_ref();
            }

            #[inline]
            unsafe fn dec_ref(obj: core::ptr::NonNull<Self>) {
                // SAFETY: By the function's contract.
                unsafe { Fence::dec_ref(obj.cast()) }
            }
        }
    };
}
pub(crate) use fence_kind;

fence_kind!(
    /// A fence that is not a container: it stands for work, not for other fences. Only leaves go
    /// into arrays and reservation objects, see [containers](crate#containers).
    ///
    /// See [`FenceKind`] for an example.
    ///
    /// # Invariants
    ///
    /// It is neither an array nor a link of a chain.
    Leaf(dma_fence)
);

impl Leaf {
    /// Returns [`Fence::stub`].
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_get_stub()`
    pub fn stub() -> ARef<Leaf> {
        // SAFETY: The stub is not a container.
        unsafe { Leaf::from_fence_unchecked(Fence::stub()) }
    }
}

/// The kind of a fence. It does not change.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, FenceKind};
///
/// /// Returns the number of fences at the first level.
/// fn members(fence: &Fence) -> usize {
///     match fence.kind() {
///         FenceKind::Leaf(_) => 1,
///         FenceKind::Array(array) => array.len(),
///         FenceKind::Chain(link) => 1 + usize::from(link.prev().is_some()),
///     }
/// }
/// assert_eq!(members(&Fence::stub()), 1);
/// ```
pub enum FenceKind<'a> {
    /// A fence that stands for work.
    Leaf(&'a Leaf),
    /// An array, which stands for several fences.
    Array(&'a FenceArray),
    /// A link of a chain, which stands for a fence and all before it on a timeline.
    Chain(&'a FenceChain),
}

/// # Kind
///
/// The kind of a fence never changes. The core recognises containers by their operations, which
/// they keep when they signal. Other fences may lose their operations, but never get new ones.
///
/// Context: any.
impl Fence {
    /// Returns `true` if the fence is an array.
    ///
    /// C function: `dma_fence_is_array()`
    #[inline]
    pub fn is_array(&self) -> bool {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_buf_rs_dma_fence_is_array(self.as_raw()) }
    }

    /// Returns `true` if the fence is a link of a chain.
    ///
    /// C function: `dma_fence_is_chain()`
    #[inline]
    pub fn is_chain(&self) -> bool {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_buf_rs_dma_fence_is_chain(self.as_raw()) }
    }

    /// Returns `true` if the fence is an array or a link of a chain.
    ///
    /// C function: `dma_fence_is_container()`
    #[inline]
    pub fn is_container(&self) -> bool {
        self.is_array() || self.is_chain()
    }

    /// Returns the fence as a fence of its kind.
    #[inline]
    pub fn kind(&self) -> FenceKind<'_> {
        if self.is_array() {
            // SAFETY: The fence is an array.
            FenceKind::Array(unsafe { FenceArray::ref_unchecked(self) })
        } else if self.is_chain() {
            // SAFETY: The fence is a link of a chain.
            FenceKind::Chain(unsafe { FenceChain::ref_unchecked(self) })
        } else {
            // SAFETY: The fence is not a container, and never becomes one.
            FenceKind::Leaf(unsafe { Leaf::ref_unchecked(self) })
        }
    }

    /// Returns the fence if it is a leaf.
    #[inline]
    pub fn as_leaf(&self) -> Option<&Leaf> {
        match self.kind() {
            FenceKind::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// Returns the fence if it is an array.
    ///
    /// C function: `to_dma_fence_array()`
    #[inline]
    pub fn as_array(&self) -> Option<&FenceArray> {
        self.is_array()
            // SAFETY: The fence is an array.
            .then(|| unsafe { FenceArray::ref_unchecked(self) })
    }

    /// Returns the fence if it is a link of a chain.
    ///
    /// C function: `to_dma_fence_chain()`
    #[inline]
    pub fn as_chain(&self) -> Option<&FenceChain> {
        self.is_chain()
            // SAFETY: The fence is a link of a chain.
            .then(|| unsafe { FenceChain::ref_unchecked(self) })
    }

    /// Returns `true` if the fence belongs to this context, or is an array and all its members do.
    ///
    /// C function: `dma_fence_match_context()`
    pub fn match_context(&self, context: u64) -> bool {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_fence_match_context(self.as_raw(), context) }
    }
}
