// SPDX-License-Identifier: GPL-2.0

//! The containers that the device has made, as far as they count.
//!
//! An array that was told to signal stays, whoever closes what, until its fences have
//! signalled, and so does all of a chain behind one descriptor. So what is in them
//! counts, until that has; and as the core does not say when, they are kept here, and
//! looked at when there are many.

use crate::limits::Limit;
use dma_buf::Fence;
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        aref::ARef,
        Mutex, //
    }, //
};

/// Fewer are not worth a look.
const FEW: i64 = 256;

struct Kept {
    fence: ARef<Fence>,
    count: usize,
}

struct Table {
    /// By when they were made.
    containers: RBTree<u64, Kept>,
    made: u64,
    /// When so many fences count, those that need not are looked for.
    sweep_at: i64,
}

#[pin_data]
pub(crate) struct Containers {
    /// How many fences are in them.
    pub(crate) fences: Limit,
    #[pin]
    table: Mutex<Table>,
}

impl Containers {
    pub(crate) fn new(max: u32) -> impl PinInit<Self> {
        pin_init!(Self {
            fences: Limit::new(max),
            table <- new_mutex!(Table {
                containers: RBTree::new(),
                made: 0,
                sweep_at: FEW,
            }),
        })
    }

    /// Forgets those that have signalled.
    fn sweep(&self) {
        let mut table = self.table.lock();
        let mut cursor = table.containers.cursor_front_mut();

        while let Some(mut at) = cursor {
            let kept = at.current_mut().1;

            // A link of a chain knows it only if it is asked.
            cursor = if kept.fence.is_signaled() {
                self.fences.sub(kept.count);
                at.remove_current().0
            } else {
                at.move_next()
            };
        }
        table.sweep_at = self.fences.get().saturating_mul(2).max(FEW);
    }

    /// Makes room for a container of so many fences, or fails with `ENOSPC`.
    pub(crate) fn room(&self, count: usize) -> Result<Room<'_>> {
        let place = RBTreeNodeReservation::new(GFP_KERNEL)?;

        if self.fences.get() >= self.table.lock().sweep_at {
            self.sweep();
        }
        if !self.fences.add(count) {
            self.sweep();
            if !self.fences.add(count) {
                return Err(ENOSPC);
            }
        }
        Ok(Room {
            place,
            charge: Charge {
                containers: self,
                count,
            },
        })
    }
}

/// How many fences are in a container, itself included if it is a link of a chain; of
/// its own, not of those before it.
pub(crate) fn size(fence: &Fence) -> usize {
    match (fence.as_array(), fence.as_chain()) {
        (Some(array), _) => array.len(),
        (_, Some(link)) => 1 + size(link.contained()),
        _ => 0,
    }
}

/// What counts already.
struct Charge<'a> {
    containers: &'a Containers,
    count: usize,
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        self.containers.fences.sub(self.count);
    }
}

/// Room for one more.
pub(crate) struct Room<'a> {
    place: RBTreeNodeReservation<u64, Kept>,
    charge: Charge<'a>,
}

impl Room<'_> {
    /// Has the container count until it has signalled.
    pub(crate) fn keep(mut self, fence: &Fence) {
        // What was to be a container may be the one fence that is in it.
        if self.charge.count == 0 {
            return;
        }
        let kept = Kept {
            fence: fence.into(),
            count: core::mem::take(&mut self.charge.count),
        };
        let mut table = self.charge.containers.table.lock();
        let number = table.made;

        table.made += 1;
        table.containers.insert(self.place.into_node(number, kept));
    }
}
