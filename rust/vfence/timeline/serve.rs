// SPDX-License-Identifier: GPL-2.0

//! What the interrupt does with a timeline: the one loop that completes jobs and signals points.

use super::{
    state::Step,
    ContextData,
    Kind,
    State,
    Timeline, //
};
use crate::{
    clock::now,
    interrupt::Line, //
};
use dma_buf::{
    FenceContext,
    SignalOutcome, //
};
use kernel::sync::SpinLockIrqGuard;

impl Line for Timeline {
    fn serve(&self, budget: &mut usize) -> bool {
        let mut state = self.state.lock();

        // The CPU that does it looks again, with the lock held, before it ends.
        if state.is_served {
            return false;
        }
        state.is_served = true;

        let context = state.context();
        let more = loop {
            if *budget == 0 {
                break true;
            }
            let step = match self.kind {
                Kind::Points => state.next_of_points(),
                _ => state.next_of_jobs(now),
            };
            let Some(step) = step else {
                break false;
            };
            let count;

            drop(state);
            (count, state) = self.act(step, context.as_deref(), *budget);
            *budget -= count.clamp(1, *budget);
        };

        if !more && state.is_closed {
            let parts = state.parts.take();

            // They may refer to the timeline, and count against limits: so first they go, and
            // then the closer is told.
            drop(state);
            drop((parts, context));
            state = self.state.lock();
            state.is_gone = true;
        }
        state.is_served = false;

        let is_waited_for = state.waiters != 0;

        drop(state);
        if is_waited_for {
            self.served.notify_all();
        }
        more
    }
}

impl Timeline {
    /// Does what is to be done, and to `most` fences at most. Returns their number, and the state
    /// as it is then.
    fn act<'a>(
        &'a self,
        step: Step,
        context: Option<&FenceContext<ContextData>>,
        most: usize,
    ) -> (usize, SpinLockIrqGuard<'a, State>) {
        let (signalled, up_to) = match step {
            Step::Complete(job, error) => {
                let mut count = 1 + job.in_fence_count();
                let outcome = job.complete(error);
                let mut state = self.state.lock();

                state.current = None;
                match outcome {
                    SignalOutcome::InTurn => state.has_done = true,
                    // The latter if the bound was first.
                    SignalOutcome::Signaled | SignalOutcome::TooLate => {
                        state.is_their_turn = state.has_done;
                        if state.has_done {
                            // A batch of those has signalled with it.
                            count = most;
                        }
                    }
                }
                return (count, state);
            }
            Step::Drop(job) => {
                let count = 1 + job.in_fence_count();

                drop(job);

                let mut state = self.state.lock();

                state.is_their_turn = state.has_done;
                return (count, state);
            }
            Step::Again => return (1, self.state.lock()),
            Step::Signal(signalled, up_to) => (signalled, up_to),
            Step::SignalDone(up_to) => (0, up_to),
            Step::Cancel(_) => (0, u64::MAX),
        };
        let Some(context) = context else {
            return (0, self.state.lock());
        };
        // Each number has one fence at most.
        let first = match step {
            Step::Signal(..) if up_to - signalled < most as u64 => signalled + 1,
            _ => context.first_pending_seqno().unwrap_or(u64::MAX),
        };
        let last = up_to.min(first.saturating_add(most as u64 - 1));
        let count = match step {
            Step::Cancel(error) => context.cancel_up_to(last, error),
            _ => context.signal_up_to(last),
        };
        let mut state = self.state.lock();

        if last == up_to {
            match step {
                Step::Signal(..) => state.signalled = up_to,
                Step::Cancel(_) => state.reset = None,
                _ => {
                    state.is_their_turn = false;
                    // All jobs are complete, so none waits any more.
                    state.has_done &= state.count != 0;
                }
            }
        }
        (count, state)
    }
}
