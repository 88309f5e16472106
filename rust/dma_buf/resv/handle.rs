// SPDX-License-Identifier: GPL-2.0

//! What has a reservation object, and how it is held.

use super::Resv;
use kernel::sync::{
    aref::{
        ARef,
        AlwaysRefCounted, //
    },
    Arc, //
};

/// What has a reservation object: a driver's buffer, say, or a [`Resv`] itself.
///
/// Several may have the same one, such as all buffers of an address space. What is of a
/// type of another crate, a GEM object, say, is put into one of the driver's own, which
/// takes its reservation object by [`Resv::from_raw`].
pub trait HasResv {
    /// The reservation object.
    fn resv(&self) -> &Resv;
}

impl HasResv for Resv {
    #[inline]
    fn resv(&self) -> &Resv {
        self
    }
}

/// A handle that keeps a reservation object: an [`Arc`] or an [`ARef`] to what has
/// one.
///
/// # Safety
///
/// What [`Self::resv`] returns stays valid, where it is, until the handle is
/// dropped, even if that is moved meanwhile, and for ever if it is forgotten.
pub unsafe trait ResvHandle {
    /// The reservation object.
    fn resv(&self) -> &Resv;
}

// SAFETY: As long as there is an `Arc`, what it points to stays there, and is only
// shared; so a borrow of it may be taken to last as long as the `Arc` does. Being
// `'static`, it does not borrow anything that ends before.
unsafe impl<T: HasResv + ?Sized + 'static> ResvHandle for Arc<T> {
    #[inline]
    fn resv(&self) -> &Resv {
        (**self).resv()
    }
}

// SAFETY: As above; what is reference counted is only shared, too.
unsafe impl<T: HasResv + AlwaysRefCounted + 'static> ResvHandle for ARef<T> {
    #[inline]
    fn resv(&self) -> &Resv {
        (**self).resv()
    }
}
