// SPDX-License-Identifier: GPL-2.0

//! A driver's ring: its jobs take a while, and are completed where hardware would have
//! that done.

use crate::prelude::*;
use dma_buf::delegate::SignallingWork;

/// What completes jobs.
#[derive(Clone, Copy)]
pub(crate) enum By {
    /// The timer that their time is measured by.
    Timer,
    /// An irq_work that it queues.
    IrqWork,
    /// A work item that it queues.
    Work,
}

impl By {
    pub(crate) const ALL: [By; 3] = [By::Timer, By::IrqWork, By::Work];
}

struct Jobs {
    context: FenceContext<Mock>,
    /// The number of the last one.
    last: Atomic<u64>,
}

/// Completes all jobs there are.
#[derive(Clone)]
struct Complete(Arc<Jobs>);

impl Complete {
    fn all(&self) {
        self.0.context.signal_up_to(self.0.last.load(Relaxed));
    }
}

impl Delegate for Complete {
    fn run(&self, _section: &SignallingSection<'_>) {
        self.all();
    }
}

/// Takes memory if there is some, as bookkeeping may.
struct TakeNotes(Complete);

impl Delegate for TakeNotes {
    fn run(&self, _section: &SignallingSection<'_>) {
        let notes = KVec::<u64>::with_capacity(64, GFP_NOWAIT | __GFP_NOWARN);

        self.0.all();
        drop(notes);
    }
}

enum Next {
    Here(Complete),
    IrqWork(IrqWork<Complete>),
    Work(SignallingWork<TakeNotes>),
}

impl Delegate for Next {
    fn run(&self, _section: &SignallingSection<'_>) {
        match self {
            Self::Here(complete) => complete.all(),
            Self::IrqWork(work) => {
                work.queue();
            }
            Self::Work(work) => {
                work.queue();
            }
        }
    }
}

pub(crate) struct Ring {
    jobs: Arc<Jobs>,
    timer: Timer<Next>,
}

impl Ring {
    pub(crate) fn new(side: Side, by: By) -> Result<Self> {
        let jobs = Jobs {
            context: side.context()?,
            last: Atomic::new(0),
        };
        let jobs = Arc::new(jobs, GFP_KERNEL)?;
        let complete = Complete(jobs.clone());
        let next = match by {
            By::Timer => Next::Here(complete),
            By::IrqWork => Next::IrqWork(IrqWork::new(complete)?),
            By::Work => Next::Work(SignallingWork::new(TakeNotes(complete))?),
        };

        Ok(Self {
            jobs,
            timer: Timer::new(next)?,
        })
    }

    /// The fence of a job that takes so long, and with it those before it.
    pub(crate) fn submit(&self, delay: Delta) -> Result<ARef<Fence>> {
        let jobs = &self.jobs;
        let memory = jobs.context.new_fence_allocation(())?;
        let fence = jobs.context.new_fence(memory).detach();

        jobs.last.store(fence.seqno(), Relaxed);
        self.timer.start(delay);
        Ok(fence)
    }
}
