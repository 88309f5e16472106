// SPDX-License-Identifier: GPL-2.0

//! Attaches the fences of others to reservation objects, alone and in sets.

use super::{
    board::PLACES,
    books::{
        Token,
        BUFFERS,
        EARLY,
        SETS,
        WAITS, //
    },
    shared::{
        Role,
        Shared, //
    }, //
};
use crate::prelude::*;

/// A buffer.
#[pin_data]
pub(crate) struct Buffer {
    #[pin]
    resv: Resv,
    _token: Token,
}

impl HasResv for Buffer {
    fn resv(&self) -> &Resv {
        &self.resv
    }
}

impl Buffer {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                resv <- Resv::new(),
                _token: Token::new(&BUFFERS),
            }),
            GFP_KERNEL,
        )
    }
}

pub(crate) struct Attacher {
    shared: Arc<Shared>,
    random: Random,
}

impl Role for Attacher {
    const NAME: &'static str = "attacher";
    const FENCES: u64 = 16;

    fn new(shared: &Arc<Shared>, seed: u32) -> Result<Self> {
        Ok(Self {
            shared: shared.clone(),
            random: Random(seed),
        })
    }

    fn round(&mut self) -> Result<bool> {
        let fence = self.shared.fence(&mut self.random).to_unwrapped()?;
        let buffer = self.buffer()?;

        match self.random.below(16) {
            // Goes with the fences in it, when the last user of it does.
            0 => {
                let place = self.random.below(PLACES);

                drop(self.shared.buffers.exchange(place, None));
            }
            1..5 => self.attach_to_several(&fence)?,
            5 => {
                WAITS.add();
                let _ = FenceWait::new()
                    .timeout(Delta::from_millis(1))
                    .wait_resv(&buffer.resv, ResvUsage::Write);
            }
            6 => {
                if let Some(fence) = buffer.resv.get_singleton(ResvUsage::Read)? {
                    self.shared.hand_out(&fence, &mut self.random);
                }
            }
            7 => {
                let other = self.buffer()?;

                if !Arc::ptr_eq(&buffer, &other) {
                    buffer
                        .resv
                        .with_lock(|resv| resv.add_fences_from(&other.resv))?;
                }
            }
            _ => {
                let usage = self.usage();

                buffer
                    .resv
                    .with_lock(|resv| resv.add_leaves(&fence, usage))?;
                self.check(&buffer, &fence);
            }
        }
        Ok(true)
    }
}

impl Attacher {
    /// One of the buffers that all share.
    fn buffer(&mut self) -> Result<Arc<Buffer>> {
        let place = self.random.below(PLACES);

        match self.shared.buffers.get(place) {
            Some(buffer) => Ok(buffer),
            None => {
                let buffer = Buffer::new()?;

                drop(self.shared.buffers.exchange(place, Some(buffer.clone())));
                Ok(buffer)
            }
        }
    }

    fn usage(&mut self) -> ResvUsage {
        [
            ResvUsage::Kernel,
            ResvUsage::Write,
            ResvUsage::Read,
            ResvUsage::Bookkeep,
        ][self.random.below(4)]
    }

    /// All objects are locked together.
    fn attach_to_several(&mut self, fence: &UnwrappedFence) -> Result {
        let mut set = ResvSet::new();
        let usage = self.usage();

        for _ in 0..4 {
            set.push(self.buffer()?)?;
        }
        let Some(leaf) = fence.iter().next() else {
            return Ok(());
        };
        let mut slots = set.lock().reserve()?;

        for (_, slot) in slots.drain() {
            slot.add(leaf, usage);
        }
        drop(slots);
        SETS.add();
        Ok(())
    }

    /// If nothing in the buffer is pending, the fence that was added is not, either.
    fn check(&self, buffer: &Buffer, fence: &UnwrappedFence) {
        if buffer.resv.test_signaled(ResvUsage::Bookkeep)
            && !fence.iter().all(|leaf| leaf.test_signaled_flag())
        {
            EARLY.add();
        }
    }
}
