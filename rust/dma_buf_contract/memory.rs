// SPDX-License-Identifier: GPL-2.0

//! Waits where memory is reclaimed, and where it is taken away.

use crate::{
    crew::{
        Actor,
        Stage, //
    },
    fixture::holds_lock,
    job::Waits,
    race::ensure,
    reclaim::{
        self,
        frees,
        Notifier,
        Page,
        Shrinker, //
    },
    side::Side, //
};
use dma_buf::resv::{
    Resv,
    ResvGuard,
    ResvSet, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    task::Task, //
};

const RECLAIM: &CStr = c"fs_reclaim";
const NOTIFIER: &CStr = c"mmu_notifier_invalidate_range_start";
const MMAP: &CStr = c"&mm->mmap_lock";

/// What a shrinker does: whoever has it called first waits, the one that needs memory
/// here, and all others that need some.
struct Shrinking {
    task: usize,
    needy: Waits,
    others: Waits,
    frees: Atomic<bool>,
}

impl Shrinking {
    fn new(needy: Side, others: Side) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                task: Task::current_raw() as usize,
                needy: needy.waits()?,
                others: others.waits()?,
                frees: Atomic::new(false),
            },
            GFP_KERNEL,
        )?)
    }

    fn run(&self) {
        if Task::current_raw() as usize == self.task {
            self.frees.store(frees(), Relaxed);
            self.needy.run(&[RECLAIM]);
        } else if holds_lock(RECLAIM) {
            self.others.run(&[RECLAIM]);
        }
    }

    /// Has the current task reclaim memory, by needing some.
    fn press(this: &Arc<Self>) -> Result {
        let theirs = this.clone();
        let shrinker = Shrinker::new(move || theirs.run())?;

        reclaim::press(|| this.needy.has_begun());
        drop(shrinker);
        ensure!(this.needy.is_good());
        ensure!(this.frees.load(Relaxed));
        ensure!(!this.others.has_begun() || this.others.is_good());
        Ok(())
    }
}

/// What the one that needs memory has locked meanwhile.
#[derive(Clone, Copy)]
enum Locked {
    Nothing,
    One,
    Several,
}

pub(crate) struct Memory {
    sides: [Side; 2],
    by_others: usize,
}

impl Actor for Memory {
    const NAME: &'static str = "waits where memory is reclaimed";

    fn new(stage: &Arc<Stage>) -> Result<Self> {
        Ok(Self {
            sides: stage.sides,
            by_others: 0,
        })
    }

    fn round(&mut self) -> Result {
        for locked in [Locked::Nothing, Locked::One, Locked::Several] {
            let shrinking = Shrinking::new(self.sides[0], self.sides[1])?;

            Self::press(&shrinking, locked)?;
            self.by_others += usize::from(shrinking.others.has_begun());
            self.sides.swap(0, 1);
        }
        Ok(())
    }
}

impl Memory {
    fn press(shrinking: &Arc<Shrinking>, locked: Locked) -> Result {
        match locked {
            Locked::Nothing => Shrinking::press(shrinking),
            Locked::One => {
                let _guard = ResvGuard::lock(Arc::pin_init(Resv::new(), GFP_KERNEL)?);

                Shrinking::press(shrinking)
            }
            Locked::Several => {
                let mut set = ResvSet::new()?;

                for _ in 0..4 {
                    set.push(Arc::pin_init(Resv::new(), GFP_KERNEL)?)?;
                }
                let _locked = set.lock();

                Shrinking::press(shrinking)
            }
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        pr_info!("waits where others reclaim memory: {}\n", self.by_others);
    }
}

/// Waits in an MMU notifier of the current test's address space.
pub(crate) fn unmapped(side: Side) -> Result {
    let waits = Arc::new(side.waits()?, GFP_KERNEL)?;
    let theirs = waits.clone();
    let page = Page::map()?;
    let notifier = Notifier::new(move || theirs.run(&[MMAP, NOTIFIER]))?;

    page.unmap();
    drop(notifier);
    ensure!(waits.is_good());
    Ok(())
}
