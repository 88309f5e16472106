// SPDX-License-Identifier: GPL-2.0

//! The owners of fences. Each fence has one, until it has signalled and its callback is back.

use super::{
    books::{
        DROPPED,
        FENCES,
        JOBS,
        UNSEEN, //
    },
    callback::{
        Registration,
        See, //
    },
    line::{
        By,
        Handle,
        State, //
    }, //
};
use crate::prelude::*;

/// Sees a fence signal.
pub(crate) struct Witness(Arc<State>);

// SAFETY: It reads the fence's own error and adds to numbers.
unsafe impl See for Witness {
    fn see(&self, fence: &Fence) {
        self.0.see_in_turn(fence);
    }
}

/// The owner of a fence.
pub(crate) struct Job {
    fence: ARef<Fence>,
    /// Until the fence is done. `None` if the context completes it, or a proxy.
    handle: Option<Handle>,
    /// `None` if the fence had signalled before.
    witness: Option<Registration<Witness>>,
    state: Arc<State>,
    /// The number of fences that were made before.
    pub(crate) index: u64,
}

impl Job {
    /// What [`Self::new`] needs.
    pub(crate) fn allocate() -> Result<Registration<Witness>> {
        Registration::new()
    }

    pub(crate) fn new(
        mut witness: Registration<Witness>,
        fence: ARef<Fence>,
        handle: Option<Handle>,
        state: Arc<State>,
    ) -> Result<Self> {
        let index = FENCES.make();

        JOBS.make();
        let is_late = witness.register(&fence, Witness(state.clone()))?.is_some();
        if is_late {
            state.see(&fence);
        }
        Ok(Self {
            fence,
            handle,
            witness: (!is_late).then_some(witness),
            state,
            index,
        })
    }

    pub(crate) fn fence(&self) -> &ARef<Fence> {
        &self.fence
    }

    pub(crate) fn take_handle(&mut self) -> Option<Handle> {
        self.handle.take()
    }

    /// Completes the fence, unless its context does that. Callable in any context.
    pub(crate) fn complete(&mut self, random: &mut Random) {
        if self.state.by == By::Asking {
            self.state.advance(self.fence.seqno());
            self.fence.is_signaled();
        }
        let Some(handle) = self.handle.take() else {
            return;
        };
        let result = if random.below(4) == 0 {
            Err(EIO)
        } else {
            Ok(())
        };

        // It is a driver's bug, which must do no harm. It is logged, so it is rare.
        if random.below(16384) == 0 {
            DROPPED.add();
            drop(handle);
        } else if handle.signal(result) != SignalOutcome::TooLate {
            self.state.tell(result, 1);
        }
    }

    /// Ends, if the fence has signalled.
    pub(crate) fn settle(mut self) -> Result<(), Self> {
        if !self.fence.test_signaled_flag() {
            return Err(self);
        }
        if let Some(mut witness) = self.witness.take() {
            if witness
                .take_back()
                .is_none_or(|callback| callback.calls() == 0)
            {
                UNSEEN.add();
            }
        }
        JOBS.take_back();
        Ok(())
    }
}

/// Jobs that are done, of which some have to wait for others to signal.
pub(crate) struct Desk {
    jobs: KVec<Job>,
    room: KVec<Job>,
    puts: u32,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            jobs: KVec::new(),
            room: KVec::new(),
            puts: 0,
        }
    }

    pub(crate) fn put(&mut self, job: Job) -> Result {
        if let Err(job) = job.settle() {
            self.jobs.push(job, GFP_KERNEL)?;
        }
        self.puts += 1;
        if self.puts % 64 == 0 {
            self.settle()?;
        }
        Ok(())
    }

    /// Ends those whose fences have signalled.
    fn settle(&mut self) -> Result {
        self.room.reserve(self.jobs.len(), GFP_KERNEL)?;
        for job in self.jobs.drain_all() {
            if let Err(job) = job.settle() {
                self.room.push(job, GFP_KERNEL)?;
            }
        }
        core::mem::swap(&mut self.jobs, &mut self.room);
        Ok(())
    }

    pub(crate) fn into_jobs(self) -> KVec<Job> {
        self.jobs
    }
}
