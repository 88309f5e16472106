// SPDX-License-Identifier: GPL-2.0

//! Who does something over and over, each on a thread of its own, until the time is
//! over or one of them fails.

use crate::prelude::*;

/// What all have in common.
pub(crate) struct Stage {
    pub(crate) sides: [Side; 2],
    /// What each side has handed out last.
    pub(crate) slots: [RcuFence; 2],
    stop: Atomic<bool>,
    failed: Atomic<bool>,
}

impl Stage {
    fn new() -> Result<Self> {
        Ok(Self {
            sides: Side::both()?,
            slots: [RcuFence::new(None), RcuFence::new(None)],
            stop: Atomic::new(false),
            failed: Atomic::new(false),
        })
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }
}

/// One of them.
pub(crate) trait Actor: Sized {
    /// As it is called in the log.
    const NAME: &'static str;

    /// Called on its thread, as [`Self::round`] is.
    fn new(stage: &Arc<Stage>) -> Result<Self>;

    fn round(&mut self) -> Result;
}

struct Member {
    name: &'static str,
    rounds: Arc<Atomic<u64>>,
    thread: Thread,
}

pub(crate) struct Crew {
    pub(crate) stage: Arc<Stage>,
    members: KVec<Member>,
}

/// The body of an actor's thread. However short the time is, there is a round.
fn act<T: Actor>(stage: &Arc<Stage>, rounds: &Atomic<u64>) -> Result {
    let mut actor = T::new(stage)?;

    loop {
        actor.round()?;
        rounds.add(1, Relaxed);
        if stage.stop.load(Relaxed) {
            return Ok(());
        }
    }
}

impl Crew {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            stage: Arc::new(Stage::new()?, GFP_KERNEL)?,
            members: KVec::new(),
        })
    }

    /// Has an actor begin, on this CPU.
    pub(crate) fn add<T: Actor>(&mut self, cpu: u32) -> Result {
        let rounds = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let (stage, count) = (self.stage.clone(), rounds.clone());
        let thread = Thread::spawn_on(cpu, move || {
            if let Err(error) = act::<T>(&stage, &count) {
                pr_err!("{} have failed: {:?}\n", T::NAME, error);
                stage.failed.store(true, Relaxed);
            }
        })?;
        let member = Member {
            name: T::NAME,
            rounds,
            thread,
        };

        Ok(self.members.push(member, GFP_KERNEL)?)
    }

    /// Has all end, and says what they have done; fails if one has failed, or has done
    /// nothing.
    pub(crate) fn finish(mut self) -> Result {
        self.stage.stop.store(true, Relaxed);
        let mut idle = false;

        for member in core::mem::take(&mut self.members) {
            drop(member.thread);
            let rounds = member.rounds.load(Relaxed);

            pr_info!("{}: {} rounds\n", member.name, rounds);
            idle |= rounds == 0;
        }
        ensure!(!idle && !self.stage.has_failed());
        Ok(())
    }
}

impl Drop for Crew {
    /// The threads end, and are waited for.
    fn drop(&mut self) {
        self.stage.stop.store(true, Relaxed);
    }
}
