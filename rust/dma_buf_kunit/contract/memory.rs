// SPDX-License-Identifier: GPL-2.0

//! Waits where memory is reclaimed.

use crate::prelude::*;

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
            let shrinking = Shrinking::new(self.sides[0].waits()?, self.sides[1].waits()?)?;

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
                let mut set = ResvSet::new();

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
