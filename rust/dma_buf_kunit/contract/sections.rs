// SPDX-License-Identifier: GPL-2.0

//! Signalling sections: nested, with locks taken in them, and memory that need not be
//! waited for.

use crate::prelude::*;
use dma_buf::DriverFenceAllocation;
use kernel::alloc::Flags;

/// Locks that are never held where somebody waits for a fence.
#[pin_data]
struct Locks {
    #[pin]
    mutex: Mutex<u64>,
    #[pin]
    spin: SpinLock<u64>,
}

pub(crate) struct Sections {
    sides: [Side; 2],
    contexts: [FenceContext<Mock>; 2],
    locks: Arc<Locks>,
    /// Of so many pieces of memory in a section, how many were given.
    asked: u64,
    given: u64,
}

impl Actor for Sections {
    const NAME: &'static str = "sections";

    fn new(stage: &Arc<Stage>) -> Result<Self> {
        let [a, b] = stage.sides;

        Ok(Self {
            sides: [a, b],
            contexts: [a.context()?, b.context()?],
            locks: Arc::pin_init(
                pin_init!(Locks {
                    mutex <- new_mutex!(0, "contract mutex"),
                    spin <- new_spinlock!(0, "contract spinlock"),
                }),
                GFP_KERNEL,
            )?,
            asked: 0,
            given: 0,
        })
    }

    fn round(&mut self) -> Result {
        for this in [0, 1] {
            // What may be waited for comes before the section.
            let memory = self.contexts[this].new_fence_allocation(())?;

            self.nest(this, memory)?;
        }
        // For a while, others may have taken all of it.
        ensure!(self.given > 0 || self.asked < 10_000);
        Ok(())
    }
}

impl Sections {
    /// The core's section in a domain's, that in the core's, a domain's in its own, and
    /// one domain's in the other's.
    fn nest(&mut self, this: usize, memory: DriverFenceAllocation<Mock>) -> Result {
        let [ours, theirs] = [self.sides[this].domain, self.sides[1 - this].domain];

        ours.signalling(|_| self.ask(GFP_NOWAIT));
        signalling(|_| {
            ours.signalling(|_| {
                signalling(|_| ours.signalling(|_| self.ask(GFP_NOWAIT)));
                theirs.signalling(|_| self.complete(this, memory))
            })
        })
    }

    /// Takes locks, and memory with a spinlock held, and signals.
    fn complete(&mut self, this: usize, memory: DriverFenceAllocation<Mock>) -> Result {
        let locks = self.locks.clone();
        let domain = self.sides[this].domain;
        let mut sum = locks.mutex.lock();

        *sum += 1;
        {
            let mut spin = locks.spin.lock();

            *spin += 1;
            // In atomic context, that is no section.
            domain.signalling(|_| self.ask(GFP_ATOMIC));
        }
        let fence = self.contexts[this].new_fence(memory);
        let shared = fence.fence();

        ensure!(fence.signal(Ok(())) != SignalOutcome::TooLate);
        ensure!(shared.test_signaled_flag());
        Ok(())
    }

    fn ask(&mut self, flags: Flags) {
        let memory = KVec::<u64>::with_capacity(64, flags | __GFP_NOWARN);

        self.asked += 1;
        self.given += u64::from(memory.is_ok());
    }
}

impl Drop for Sections {
    fn drop(&mut self) {
        pr_info!(
            "memory in sections: {} of {} times\n",
            self.given,
            self.asked
        );
    }
}
