// SPDX-License-Identifier: GPL-2.0

//! What the threads share, and how they take part.

use super::{
    attacher::Buffer,
    board::{
        Board,
        PLACES, //
    },
    books::{
        FENCES,
        REFERENCES, //
    },
    job::{
        Desk,
        Job, //
    },
    line::Line,
    merger::Watch, //
};
use crate::prelude::*;

/// About how many fences are kept to the end.
const KEPT: u64 = 4096;

/// What the threads share.
#[pin_data]
pub(crate) struct Shared {
    /// Fences and containers, for everybody.
    fences: [RcuFence; PLACES],
    /// Fences that are to be completed.
    #[pin]
    pub(crate) jobs: Board<Job>,
    /// Contexts that others work on.
    #[pin]
    pub(crate) lines: Board<Arc<Line>>,
    #[pin]
    pub(crate) buffers: Board<Arc<Buffer>>,
    /// What the threads leave.
    #[pin]
    left: SpinLock<KVec<Left>>,
    /// Every fence whose index is a multiple of `every`. At the end, only this list has a reference
    /// to them.
    #[pin]
    kept: SpinLock<KVec<ARef<Fence>>>,
    every: u64,
    /// How many fences to make.
    pub(crate) wanted: u64,
    started: Atomic<u64>,
    stop: Atomic<bool>,
    failed: Atomic<bool>,
}

/// What a thread leaves when it ends.
#[derive(Default)]
pub(crate) struct Left {
    pub(crate) jobs: KVec<Job>,
    pub(crate) watches: KVec<Watch>,
}

impl Shared {
    pub(crate) fn new(wanted: u64, threads: usize) -> Result<Arc<Self>> {
        let kept = KVec::with_capacity(2 * KEPT as usize, GFP_KERNEL)?;
        let left = KVec::with_capacity(threads, GFP_KERNEL)?;

        Arc::pin_init(
            pin_init!(Self {
                fences: core::array::from_fn(|_| RcuFence::new(None)),
                jobs <- Board::new(),
                lines <- Board::new(),
                buffers <- Board::new(),
                left <- new_spinlock!(left),
                kept <- new_spinlock!(kept),
                every: (wanted / KEPT).max(1),
                wanted,
                started: Atomic::new(0),
                stop: Atomic::new(false),
                failed: Atomic::new(false),
            }),
            GFP_KERNEL,
        )
    }

    /// A fence or a container that somebody has made.
    pub(crate) fn fence(&self, random: &mut Random) -> ARef<Fence> {
        self.fences[random.below(PLACES)]
            .get()
            .unwrap_or_else(Fence::stub)
    }

    /// Hands out a fence.
    pub(crate) fn hand_out(&self, fence: &Fence, random: &mut Random) {
        drop(self.fences[random.below(PLACES)].replace(Some(fence.into())));
    }

    /// Keeps one of many to the end.
    pub(crate) fn keep_some(&self, job: &Job) {
        // Not by `%`, see `Random`.
        if job.index.checked_rem(self.every) == Some(0) {
            let kept = self
                .kept
                .lock()
                .push_within_capacity(job.fence().clone())
                .is_ok();

            if kept {
                REFERENCES.make();
            }
        }
    }

    /// Asks to make `count` fences. Returns how many of them the caller is to make: fewer if the
    /// number that is wanted has been reached.
    pub(crate) fn start(&self, count: u64) -> u64 {
        let before = self.started.fetch_add(count, Relaxed);

        count.min(self.wanted.saturating_sub(before))
    }

    /// Waits until `fences` fences have been made, so that there is something to do.
    fn pace(&self, fences: u64) {
        while FENCES.made() < fences && !self.is_over() {
            fsleep(Delta::from_millis(1));
        }
    }

    pub(crate) fn end(&self) {
        self.stop.store(true, Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Relaxed)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    fn fail(&self) {
        self.failed.store(true, Relaxed);
        self.end();
    }

    fn leave(&self, left: Left) {
        // It has room for one of each thread.
        drop(self.left.lock().push_within_capacity(left));
    }

    /// What the threads have left. They have ended.
    pub(crate) fn take_left(&self) -> KVec<Left> {
        core::mem::take(&mut *self.left.lock())
    }

    pub(crate) fn take_kept(&self) -> KVec<ARef<Fence>> {
        core::mem::take(&mut *self.kept.lock())
    }

    /// Takes back all that was handed out.
    pub(crate) fn clear_fences(&self) {
        for fence in &self.fences {
            drop(fence.replace(None));
        }
    }
}

/// What a thread does.
pub(crate) trait Role: Sized + 'static {
    const NAME: &'static str;

    /// The thread does a round each time the producers have made this many fences, or does not wait
    /// for them if this is 0.
    const FENCES: u64;

    fn new(shared: &Arc<Shared>, seed: u32) -> Result<Self>;

    /// Returns `false` if there is nothing left to do.
    fn round(&mut self) -> Result<bool>;

    fn finish(self) -> Result<Left> {
        Ok(Left::default())
    }
}

/// The body of a thread.
pub(crate) fn act<T: Role>(shared: &Arc<Shared>, seed: u32) {
    let play = || -> Result {
        let mut role = T::new(shared, seed)?;
        let mut rounds = 0;

        while !shared.is_over() && role.round()? {
            rounds += 1;
            shared.pace(rounds * T::FENCES);
        }
        shared.leave(role.finish()?);
        Ok(())
    };

    if let Err(error) = play() {
        pr_err!("{} has failed: {:?}\n", T::NAME, error);
        shared.fail();
    }
}

impl From<Desk> for Left {
    fn from(desk: Desk) -> Self {
        Self {
            jobs: desk.into_jobs(),
            ..Self::default()
        }
    }
}
