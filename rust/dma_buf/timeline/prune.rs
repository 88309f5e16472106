// SPDX-License-Identifier: GPL-2.0

//! What nobody waits for any more need not be kept.
//!
//! A fence that is on the list and nowhere else can never be seen again: it is
//! forgotten, and not signalled. A timeline whose user picks the points, and may
//! never get as far as some of them, would grow without end otherwise.

use super::{
    place::{
        Place,
        PIECE, //
    },
    Timeline, //
};
use crate::{
    bindings,
    fence,
    header::Header, //
};
use core::ops::ControlFlow;
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        rcu, //
    }, //
};

impl Timeline {
    /// Forgets the fences on the list to which there is no other reference, and says
    /// how many.
    ///
    /// Fences with data to be dropped stay, and one that another walk along the list is
    /// at just now may.
    pub(crate) fn prune(&self) -> usize {
        if self.drop_data.is_some() {
            return 0;
        }
        let mut count = 0;
        let mut place = None;

        loop {
            place = self.prune_piece(place, &mut count);
            if place.is_none() {
                return count;
            }
        }
    }

    /// A piece of [`Self::prune`]; says where to go on.
    fn prune_piece(&self, place: Option<Place>, count: &mut usize) -> Option<Place> {
        // What is forgotten is on no list that is looked at when the timeline's module
        // goes, and still has its operations: the text stays until this ends.
        let _rcu = rcu::read_lock();
        let mut forgotten = bindings::list_head::default();
        let forgotten = &raw mut forgotten;

        // SAFETY: The lists are initialised; that of the timeline is used with its
        // lock held, and what is on it is valid. A fence whose count goes to zero here
        // is referred to by nobody, and nobody can begin to: so no operation runs on
        // it, and it may be on another list. The header's link is in use for that.
        unsafe {
            forgotten.write(bindings::list_head {
                next: forgotten,
                prev: forgotten,
            });

            let guard = self.lock.lock();
            let head = self.pending.get();
            let mut link = self.resume(&guard, place);

            for _ in 0..PIECE {
                if link == head {
                    break;
                }
                let next = (*link).next;
                let fence = Header::as_fence(Self::header_of(link));

                if bindings::refcount_dec_if_one(&raw mut (*fence).refcount.refcount) {
                    bindings::dma_buf_rs_list_del(link);
                    bindings::dma_buf_rs_list_add_tail(link, forgotten);
                    *count += 1;
                }
                link = next;
            }
            let further = (link != head).then(|| Place::new(link));
            drop(guard);

            // The core reports the end of each to whoever traces, with our names: we are
            // still there. It has no callbacks, or whoever registered them would have a
            // reference.
            let mut link = (*forgotten).next;
            while link != forgotten {
                let next = (*link).next;
                let fence = Header::as_fence(Self::header_of(link));

                bindings::dma_fence_release(&raw mut (*fence).refcount);
                link = next;
            }
            further
        }
    }

    /// Fills `fences` with references to the first fences on the list, as far as it
    /// has room.
    pub(crate) fn first_pending(&self, fences: &mut KVec<ARef<fence::Fence>>) {
        let _guard = self.lock.lock();

        self.for_each_pending(|header| {
            if fences.len() == fences.capacity() {
                return ControlFlow::Break(());
            }
            // SAFETY: What is on the list is valid, and the list has a reference.
            let fence = unsafe { fence::Fence::from_raw(Header::as_fence(header)) };

            match fences.push_within_capacity(fence.into()) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
    }
}
