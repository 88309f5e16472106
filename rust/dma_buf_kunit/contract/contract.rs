// SPDX-License-Identifier: GPL-2.0

//! All of it at once. It is right, so lockdep must not say a word, and none of it may
//! come to a halt.

use crate::prelude::*;
use crate::{
    contract::{
        crew::Crew,
        exchange::{
            Arrays,
            Chains, //
        },
        locks::Locks,
        memory::Memory,
        sections::Sections,
        strangers::Strangers,
        waiters::Waiters, //
    },
    fixture::foreign, //
};

/// Threads that lock the same reservation objects, each in another order every time.
struct Contenders {
    shared: Arc<worker::Shared>,
    threads: KVec<Thread>,
}

impl Contenders {
    const COUNT: usize = 2;

    fn new() -> Result<Self> {
        let mut this = Self {
            shared: worker::Shared::new()?,
            threads: KVec::new(),
        };

        for index in 0..Self::COUNT {
            let shared = this.shared.clone();
            let thread = Thread::spawn_on(index as u32, move || worker::work(&shared, index))?;

            this.threads.push(thread, GFP_KERNEL)?;
        }
        Ok(this)
    }

    fn finish(mut self) -> Result {
        self.shared.stop();
        self.threads.clear();
        for progress in &self.shared.progress()[..Self::COUNT] {
            let rounds = progress.rounds.load(Relaxed);

            pr_info!("contenders for reservation objects: {} rounds\n", rounds);
            ensure!(rounds > 0);
        }
        ensure!(!self.shared.has_failed());
        self.shared.check()
    }
}

impl Drop for Contenders {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// Has everybody do what they may for a while, and says whether all have got on.
fn side_by_side() -> Result {
    let mut crew = Crew::new()?;

    crew.add::<Locks>(0)?;
    crew.add::<Memory>(1)?;
    crew.add::<Sections>(0)?;
    crew.add::<Sections>(1)?;
    crew.add::<Waiters>(0)?;
    crew.add::<Waiters>(1)?;
    crew.add::<Arrays>(0)?;
    crew.add::<Chains>(1)?;
    crew.add::<Strangers>(0)?;
    crew.add::<Strangers>(1)?;
    let contenders = Contenders::new()?;

    // The address space is the test's, so this is done here.
    let start = Instant::<Monotonic>::now();
    let mut rounds = 0;

    while rounds == 0 || start.elapsed() < duration() {
        for side in crew.stage.sides {
            unmapped(side.waits()?)?;
        }
        rounds += 1;
        if crew.stage.has_failed() || contenders.shared.has_failed() {
            break;
        }
    }
    pr_info!("waits where memory is unmapped: {} rounds\n", rounds);
    contenders.finish()?;
    crew.finish()?;
    // Their driver can be unloaded.
    ensure!((0..6).any(|_| eventually(|| foreign::alive() == 0)));
    ensure!(is_silent());
    Ok(())
}

#[kunit_tests(rust_dma_buf_contract)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_right() -> Result {
        if !cfg!(CONFIG_MMU_NOTIFIER) {
            skip("this kernel has no MMU notifiers");
            return Ok(());
        }
        if possible() {
            assert!(side_by_side().is_ok());
        }
        Ok(())
    }
}
