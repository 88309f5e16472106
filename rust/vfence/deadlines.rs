// SPDX-License-Identifier: GPL-2.0

//! The deadlines that user space has set.
//!
//! They are found by a fence's context and number: a fence that has signalled knows
//! nothing of its driver any more. Nor does its driver learn when it goes, so
//! deadlines are kept until there are too many; the oldest contexts' go first.

use kernel::{
    alloc::flags::__GFP_NOWARN,
    new_spinlock_irq,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::SpinLockIrq, //
};

/// How many are kept.
const MAX: usize = 65536;

struct Table {
    /// By context and sequence number, in ns of CLOCK_MONOTONIC.
    by_fence: RBTree<(u64, u64), i64>,
    count: usize,
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
        let node = RBTreeNode::new(key, deadline, GFP_ATOMIC | __GFP_NOWARN);
        let mut table = self.table.lock();

        if let Some(known) = table.by_fence.get_mut(&key) {
            *known = deadline.min(*known);
            return;
        }
        let Ok(node) = node else {
            return;
        };
        table.by_fence.insert(node);
        table.count += 1;
        if table.count > MAX {
            let oldest = table
                .by_fence
                .cursor_front_mut()
                .map(|cursor| cursor.remove_current().1);

            table.count -= 1;
            drop(table);
            drop(oldest);
        }
    }

    pub(crate) fn get(&self, context: u64, seqno: u64) -> Option<i64> {
        self.table.lock().by_fence.get(&(context, seqno)).copied()
    }
}
