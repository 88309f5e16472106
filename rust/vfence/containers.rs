// SPDX-License-Identifier: GPL-2.0

//! The containers that the device has made, as far as they count.
//!
//! An array that was told to signal stays, whoever closes what, until its fences have
//! signalled, and so does all of a chain behind one descriptor. So what is in them
//! counts, until that has, or nobody has the container any more. Neither is told, so
//! they are kept here, and looked at from time to time.

use crate::limits::Limit;
use dma_buf::{
    Fence,
    Section,
    Work,
    WorkItem, //
};
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    },
    time::{
        msecs_to_jiffies,
        Instant,
        Monotonic, //
    }, //
};

/// How often they are looked at, in ms, ...
const PERIOD: u32 = 100;

/// ... but for no more than one part in so many of the time.
const SHARE: u32 = 16;

/// At how many before others may have a turn.
const PIECE: usize = 256;

struct Kept {
    fence: ARef<Fence>,
    count: usize,
}

struct Table {
    /// By when they were made.
    containers: RBTree<u64, Kept>,
    made: u64,
    /// Looks at them, while the device is there.
    sweeper: Option<Work<Sweeper>>,
}

impl Table {
    fn sweep_after(&self, ms: u32) {
        if let Some(sweeper) = &self.sweeper {
            sweeper.queue_after(msecs_to_jiffies(ms));
        }
    }
}

#[pin_data]
pub(crate) struct Containers {
    /// How many fences are in them.
    pub(crate) fences: Limit,
    #[pin]
    table: Mutex<Table>,
}

struct Sweeper(Arc<Containers>);

impl WorkItem for Sweeper {
    fn run(&self, _section: &Section<'_>) {
        let begun = Instant::<Monotonic>::now();

        self.0.sweep();

        let spent = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        let table = self.0.table.lock();
        if table.containers.cursor_front().is_some() {
            table.sweep_after(spent.saturating_mul(SHARE).max(PERIOD));
        }
    }
}

impl Containers {
    pub(crate) fn new(max: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                fences: Limit::new(max),
                table <- new_mutex!(Table {
                    containers: RBTree::new(),
                    made: 0,
                    sweeper: None,
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// Has them looked at, until [`Self::close`].
    pub(crate) fn open(self: &Arc<Self>) -> Result {
        let sweeper = Work::new(Sweeper(self.clone()))?;

        self.table.lock().sweeper = Some(sweeper);
        Ok(())
    }

    /// Forgets all: nobody is left whom they count for.
    pub(crate) fn close(&self) {
        let mut table = self.table.lock();
        let sweeper = table.sweeper.take();
        let containers = core::mem::replace(&mut table.containers, RBTree::new());

        drop(table);
        drop((sweeper, containers));
    }

    /// Forgets those that need not count any more.
    fn sweep(&self) {
        // A link of a chain finds out that it has signalled by being asked; if the first
        // is asked first, each has little to look at. Of those that nobody has, the last
        // has the one before it.
        self.pass(false, |fence| fence.is_signaled());
        self.pass(true, Fence::is_sole);
    }

    /// Goes through them, and forgets those that are over.
    fn pass(&self, backwards: bool, is_over: fn(&ARef<Fence>) -> bool) {
        let mut next = None;

        loop {
            let mut table = self.table.lock();
            let containers = &mut table.containers;
            // Somebody else may have forgotten what was next, and all behind it.
            let next_there = next.filter(|number| containers.cursor_lower_bound(number).is_some());
            let mut cursor = match (next_there, backwards) {
                (None, false) if next.is_some() => return,
                (Some(number), _) => containers.cursor_lower_bound_mut(&number),
                (None, false) => containers.cursor_front_mut(),
                (None, true) => containers.cursor_back_mut(),
            };

            for _ in 0..PIECE {
                let Some(at) = cursor else {
                    return;
                };
                let (number, kept) = at.current();
                let number = *number;

                if is_over(&kept.fence) {
                    self.fences.sub(kept.count);
                    // It goes to the next one, or to the one before if there is none.
                    let (neighbour, removed) = at.remove_current();
                    drop(removed);
                    cursor = match neighbour {
                        Some(at) if backwards && *at.current().0 > number => at.move_prev(),
                        Some(at) if !backwards && *at.current().0 < number => None,
                        neighbour => neighbour,
                    };
                } else if backwards {
                    cursor = at.move_prev();
                } else {
                    cursor = at.move_next();
                }
            }
            let Some(at) = cursor else {
                return;
            };
            next = Some(*at.current().0);
        }
    }

    /// Makes room for a container of so many fences, or fails with `ENOSPC`.
    pub(crate) fn room(&self, count: usize) -> Result<Room<'_>> {
        let place = RBTreeNodeReservation::new(GFP_KERNEL)?;

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

/// How many fences are in an array; a fence that needs none has none.
pub(crate) fn size(fence: &Fence) -> usize {
    fence.as_array().map_or(0, |array| array.len())
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
    /// Has the container count.
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
        table.sweep_after(PERIOD);
    }
}
