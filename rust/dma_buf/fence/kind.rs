// SPDX-License-Identifier: GPL-2.0

//! What a fence is: a leaf, or a container of fences.
//!
//! C functions: `dma_fence_is_array()`, `dma_fence_is_chain()`,
//! `dma_fence_is_container()`, `dma_fence_match_context()`

use super::Fence;
use crate::{
    array::FenceArray,
    bindings,
    chain::FenceChain, //
};
use core::ptr::NonNull;
use kernel::{
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        }, //
    },
    types::Opaque, //
};

/// Defines a kind of fence.
macro_rules! fence_kind {
    ($(#[$attr:meta])* $name:ident($c:ident)) => {
        $(#[$attr])*
        #[repr(transparent)]
        pub struct $name {
            inner: $crate::fence::Raw<$crate::bindings::$c>,
        }

        // What a reference to it is cast to.
        const _: () = assert!(core::mem::align_of::<$name>() == core::mem::align_of::<Fence>());

        impl $name {
            /// The same fence, of whatever kind.
            #[inline]
            pub fn into_fence(this: ARef<Self>) -> ARef<Fence> {
                // SAFETY: It starts with a fence, and the reference goes along.
                unsafe { ARef::from_raw(ARef::into_raw(this).cast()) }
            }

            /// Takes a reference to a fence for one to a fence of this kind.
            ///
            /// # Safety
            ///
            /// The fence is of this kind.
            #[allow(dead_code, reason = "not every kind needs all of these")]
            #[inline]
            pub(crate) unsafe fn from_fence_unchecked(fence: ARef<Fence>) -> ARef<Self> {
                // SAFETY: By the function's contract; the reference goes along.
                unsafe { ARef::from_raw(ARef::into_raw(fence).cast()) }
            }

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
                // SAFETY: By the type invariant.
                unsafe { Fence::from_raw(core::ptr::from_ref(self).cast_mut().cast()) }
            }
        }

        // SAFETY: It is a fence, and that is reference counted.
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

/// The C side of a kind of fence, which starts with its `dma_fence`.
#[repr(transparent)]
pub(crate) struct Raw<T>(Opaque<T>);

impl<T> Raw<T> {
    #[inline]
    pub(crate) fn get(&self) -> *mut T {
        self.0.get()
    }
}

// SAFETY: Only fences are made of this, and these may be used, and their last
// references dropped, on any CPU and in any context.
unsafe impl<T> Send for Raw<T> {}
// SAFETY: As above.
unsafe impl<T> Sync for Raw<T> {}

fence_kind!(
    /// A fence that stands for work, not for other fences.
    ///
    /// Only leaves go into arrays and into reservation objects: containers of
    /// containers would have the kernel recurse, and take locks of one class
    /// inside each other.
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::{Fence, Kind, Leaf};
    ///
    /// let stub = Fence::stub();
    /// assert!(matches!(stub.kind(), Kind::Leaf(_)));
    /// assert!(Leaf::from_fence(stub).is_ok_and(|leaf| leaf.is_signaled()));
    /// ```
    ///
    /// # Invariants
    ///
    /// It is a fence, and neither an array nor a link of a chain.
    Leaf(dma_fence)
);

impl Leaf {
    /// A leaf that has signalled: [`Fence::stub`].
    ///
    /// Context: any.
    ///
    /// C function: `dma_fence_get_stub()`
    pub fn stub() -> ARef<Leaf> {
        // SAFETY: The stub is no container.
        unsafe { Leaf::from_fence_unchecked(Fence::stub()) }
    }

    /// The same fence, known to be a leaf; given back if it is not one.
    #[inline]
    pub fn from_fence(fence: ARef<Fence>) -> Result<ARef<Leaf>, ARef<Fence>> {
        if fence.is_container() {
            return Err(fence);
        }
        // SAFETY: A fence that is no container now never becomes one.
        Ok(unsafe { Leaf::from_fence_unchecked(fence) })
    }
}

/// What a fence is; it never changes.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, Kind};
///
/// /// How many fences there are in it, at one level.
/// fn members(fence: &Fence) -> usize {
///     match fence.kind() {
///         Kind::Leaf(_) => 1,
///         Kind::Array(array) => array.len(),
///         Kind::Chain(link) => 1 + usize::from(link.prev().is_some()),
///     }
/// }
/// assert_eq!(members(&Fence::stub()), 1);
/// ```
pub enum Kind<'a> {
    /// It stands for work.
    Leaf(&'a Leaf),
    /// It stands for several fences at once.
    Array(&'a FenceArray),
    /// It stands for a fence, and what came before on a timeline.
    Chain(&'a FenceChain),
}

impl Fence {
    /// Whose operations the fence has.
    ///
    /// Those of a container stay when it signals; a driver's may go, but no
    /// fence is ever given others. So what this says of containers is for ever.
    #[inline]
    fn has_ops(&self, ops: *const bindings::dma_fence_ops) -> bool {
        // SAFETY: Initialised, and changed by whole stores only.
        let current = unsafe { Atomic::from_ptr(&raw mut (*self.as_raw()).ops) };

        core::ptr::eq(current.load(Relaxed), ops)
    }

    /// Whether the fence is an array.
    ///
    /// Context: any, also a callback.
    ///
    /// C function: `dma_fence_is_array()`
    #[inline]
    pub fn is_array(&self) -> bool {
        self.has_ops(&raw const bindings::dma_fence_array_ops)
    }

    /// Whether the fence is a link of a chain.
    ///
    /// Context: any, also a callback.
    ///
    /// C function: `dma_fence_is_chain()`
    #[inline]
    pub fn is_chain(&self) -> bool {
        self.has_ops(&raw const bindings::dma_fence_chain_ops)
    }

    /// Whether the fence is made of other fences.
    ///
    /// Context: any, also a callback.
    ///
    /// C function: `dma_fence_is_container()`
    #[inline]
    pub fn is_container(&self) -> bool {
        self.is_array() || self.is_chain()
    }

    /// What the fence is.
    ///
    /// Context: any, also a callback.
    #[inline]
    pub fn kind(&self) -> Kind<'_> {
        if self.is_array() {
            // SAFETY: As just seen.
            Kind::Array(unsafe { FenceArray::ref_unchecked(self) })
        } else if self.is_chain() {
            // SAFETY: As just seen.
            Kind::Chain(unsafe { FenceChain::ref_unchecked(self) })
        } else {
            // SAFETY: A fence that is no container now never becomes one.
            Kind::Leaf(unsafe { Leaf::ref_unchecked(self) })
        }
    }

    /// The fence, if it is a leaf.
    ///
    /// Context: any, also a callback.
    #[inline]
    pub fn as_leaf(&self) -> Option<&Leaf> {
        match self.kind() {
            Kind::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// The fence, if it is an array.
    ///
    /// Context: any, also a callback.
    ///
    /// C function: `to_dma_fence_array()`
    #[inline]
    pub fn as_array(&self) -> Option<&FenceArray> {
        match self.kind() {
            Kind::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The fence, if it is a link of a chain.
    ///
    /// Context: any, also a callback.
    ///
    /// C function: `to_dma_fence_chain()`
    #[inline]
    pub fn as_chain(&self) -> Option<&FenceChain> {
        match self.kind() {
            Kind::Chain(chain) => Some(chain),
            _ => None,
        }
    }

    /// Whether the fence, or all fences of the array that it is, belong to this
    /// context.
    ///
    /// Context: any, also a callback.
    ///
    /// C function: `dma_fence_match_context()`
    pub fn match_context(&self, context: u64) -> bool {
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_fence_match_context(self.as_raw(), context) }
    }
}

/// Takes over what a C function returned.
///
/// # Safety
///
/// `fence` is null, or a fence to which the caller owns a reference and gives it
/// up.
#[inline]
pub(crate) unsafe fn owned(fence: *mut bindings::dma_fence) -> Option<ARef<Fence>> {
    // SAFETY: By the function's contract.
    NonNull::new(fence).map(|fence| unsafe { Fence::from_raw_owned(fence) })
}
