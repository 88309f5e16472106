// SPDX-License-Identifier: GPL-2.0

//! Uses fences that others have made: waits, asks, and has callbacks that it takes back or drops.

use super::{
    books::{
        DISORDER,
        FILES,
        WAITS, //
    },
    callback::Registration,
    shared::{
        Left,
        Role,
        Shared, //
    }, //
};
use crate::prelude::*;

/// How many callbacks it has at a time.
const CALLBACKS: usize = 32;

pub(crate) struct Consumer {
    shared: Arc<Shared>,
    random: Random,
    callbacks: KVec<Registration<()>>,
    /// The last fence that it has used.
    last: ARef<Fence>,
    file: Option<SyncFile>,
}

impl Role for Consumer {
    const NAME: &'static str = "consumer";
    const FENCES: u64 = 4;

    fn new(shared: &Arc<Shared>, seed: u32) -> Result<Self> {
        let mut callbacks = KVec::with_capacity(CALLBACKS, GFP_KERNEL)?;

        for _ in 0..CALLBACKS {
            callbacks.push(Registration::new()?, GFP_KERNEL)?;
        }
        Ok(Self {
            shared: shared.clone(),
            random: Random(seed),
            callbacks,
            last: Fence::stub(),
            file: None,
        })
    }

    fn round(&mut self) -> Result<bool> {
        let fence = self.shared.fence(&mut self.random);
        let index = self.random.below(CALLBACKS);

        match self.random.below(64) {
            // With its callback, whether that was called or not.
            0..8 => self.callbacks[index] = Registration::new()?,
            8 => {
                let fences = [&*fence, &*self.last];

                WAITS.add();
                let _ = Self::wait().wait_any(&fences);
            }
            9 => {
                WAITS.add();
                let _ = Self::wait().wait(&fence);
            }
            10 => {
                FILES.add();
                self.file = Some(SyncFile::new(&fence)?);
            }
            11 => fence.set_deadline(Instant::now()),
            12..20 => {
                fence.is_signaled();
            }
            20..24 => fence.enable_signaling(),
            _ => {
                self.callbacks[index].register(&fence, ())?;
            }
        }
        self.check_order(&fence);
        self.last = fence;
        Ok(true)
    }

    fn finish(mut self) -> Result<Left> {
        for callback in &mut self.callbacks {
            callback.take_back();
        }
        Ok(Left::default())
    }
}

impl Consumer {
    fn wait() -> FenceWait {
        FenceWait::new().timeout(Delta::from_millis(1))
    }

    /// Where a fence has signalled, an earlier one has.
    fn check_order(&self, fence: &Fence) {
        let (first, second) = match fence.is_later(&self.last) {
            Some(true) => (&*self.last, fence),
            Some(false) => (fence, &*self.last),
            None => return,
        };

        // A link signals only if it is asked.
        if first.is_chain() || !second.test_signaled_flag() {
            return;
        }
        if !first.test_signaled_flag() {
            DISORDER.add();
        }
    }
}
