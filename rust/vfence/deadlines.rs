// SPDX-License-Identifier: GPL-2.0

//! The deadlines that user space has set.
//!
//! They are found by a fence's context and number: a fence that has signalled knows
//! nothing of its driver any more. Nor does its driver learn when it goes, so
//! deadlines are kept until there are too many; what was noted first goes first.

use kernel::{
    alloc::flags::__GFP_NOWARN,
    new_spinlock_irq,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode,
        RBTreeNodeReservation, //
    },
    sync::SpinLockIrq, //
};

/// How many are kept.
const MAX: usize = 65536;

struct Table {
    /// By context and sequence number, in ns of CLOCK_MONOTONIC.
    by_fence: RBTree<(u64, u64), i64>,
    /// The same fences, by how many were noted before.
    by_age: RBTree<u64, (u64, u64)>,
    noted: u64,
    count: usize,
}

impl Table {
    /// Takes out what was noted first; its memory is to be freed with the lock dropped.
    fn remove_oldest(&mut self) -> Option<impl Sized> {
        let cursor = self.by_age.cursor_front_mut()?;
        let key = *cursor.current().1;
        let (_, age) = cursor.remove_current();

        self.count -= 1;
        Some((age, self.by_fence.remove_node(&key)))
    }
}

#[pin_data]
pub(crate) struct Deadlines {
    /// A fence's operation takes it, and nothing is taken inside.
    #[pin]
    table: SpinLockIrq<Table>,
}

impl Deadlines {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_spinlock_irq!(Table {
                by_fence: RBTree::new(),
                by_age: RBTree::new(),
                noted: 0,
                count: 0,
            }),
        })
    }

    /// Notes a deadline, of which the earliest counts. Without memory, it is lost: it is
    /// a hint.
    ///
    /// Any context.
    pub(crate) fn set(&self, context: u64, seqno: u64, deadline: i64) {
        let key = (context, seqno);
        let flags = GFP_ATOMIC | __GFP_NOWARN;
        let node = RBTreeNode::new(key, deadline, flags);
        let place = RBTreeNodeReservation::new(flags);
        let mut table = self.table.lock();

        if let Some(known) = table.by_fence.get_mut(&key) {
            *known = deadline.min(*known);
            return;
        }
        let (Ok(node), Ok(place)) = (node, place) else {
            return;
        };
        let number = table.noted;

        table.noted += 1;
        table.by_fence.insert(node);
        table.by_age.insert(place.into_node(number, key));
        table.count += 1;
        if table.count > MAX {
            let oldest = table.remove_oldest();

            drop(table);
            drop(oldest);
        }
    }

    pub(crate) fn get(&self, context: u64, seqno: u64) -> Option<i64> {
        self.table.lock().by_fence.get(&(context, seqno)).copied()
    }
}
