// SPDX-License-Identifier: GPL-2.0

//! What the irq_work has to do next.

use super::{
    State,
    Timeline, //
};
use crate::{
    fences::{
        now,
        Fences, //
    },
    in_fences::InFences,
    job::Job,
    ring::Kind, //
};
use dma_buf::DriverFence;
use kernel::{
    prelude::*,
    sync::atomic::{
        Relaxed,
        Release, //
    },
    time::Delta, //
};

/// One thing to do, with the state unlocked.
pub(crate) enum Step {
    /// A job is to complete. The in-fences need not be waited for any more.
    Complete {
        number: u64,
        fence: DriverFence<Fences>,
        result: Result,
        in_fences: Option<InFences>,
    },
    /// A job has signalled, and is to be dropped.
    Drop(Job),
    /// Points are to be signalled up to this one.
    Signal(u64),
    /// All points are to be completed with this error.
    Cancel(Error),
    /// Nothing.
    Idle,
}

impl Timeline {
    /// Takes the next thing to do, when the last one, if any, is done. `completed` is
    /// the job that it completed.
    pub(crate) fn next(&self, last: bool, completed: Option<u64>) -> Step {
        let mut state = self.state.lock();

        if last {
            state.active -= 1;
        }
        let step = self.pick(&mut state, completed);

        if !matches!(step, Step::Idle) {
            state.active += 1;
            return step;
        }
        // Whoever is still at it looks again.
        if state.active == 0 && self.served.load(Relaxed) < state.requests {
            self.served.store(state.requests, Release);
            drop(state);
            self.waiters.wake_all();
        }
        step
    }

    fn pick(&self, state: &mut State, completed: Option<u64>) -> Step {
        if self.kind == Kind::Points {
            return state.pick_points();
        }
        if let Some(job) = self.retire(state, completed) {
            return Step::Drop(job);
        }

        let now = now();
        match state.pick_job(now) {
            Some(step) => step,
            None => {
                self.arm_later(state, now);
                Step::Idle
            }
        }
    }

    /// Takes out a job whose fence has signalled: the one that was completed, if its
    /// fence has not to wait for others, or the first.
    fn retire(&self, state: &mut State, completed: Option<u64>) -> Option<Job> {
        let number = match (self.kind, completed) {
            (Kind::Unordered, Some(number)) => number,
            _ => state.first_signalled()?,
        };
        let job = state.remove(number)?;

        self.account(state, number, &job);
        Some(job)
    }

    /// The last thing to do is done, and more are left for another run, so much later,
    /// in ns.
    ///
    /// At once, this would be all that the CPU does: the interrupts of a thousand jobs
    /// leave no room for the threads.
    pub(crate) fn pause(&self, completed: Option<u64>, delay: i64) {
        let mut state = self.state.lock();
        let job = self.retire(&mut state, completed);

        state.active -= 1;
        state.paused = state.links.is_some();
        if let Some(links) = &state.links {
            links.timer.start(Delta::from_nanos(delay));
        }
        drop(state);
        drop(job);
    }

    /// Starts the timer, if a job is done later: what is due now waits for a reset.
    fn arm_later(&self, state: &State, now: i64) {
        if state.reset.is_none() {
            self.arm(state, now);
        }
    }
}

impl State {
    fn pick_points(&mut self) -> Step {
        if let Some((_, error)) = self.reset.take() {
            return Step::Cancel(error);
        }
        if self.signalled < self.value {
            self.signalled = self.value;
            return Step::Signal(self.value);
        }
        Step::Idle
    }

    /// The first job, if its fence has signalled.
    fn first_signalled(&self) -> Option<u64> {
        let cursor = self.jobs.cursor_front()?;
        let (number, job) = cursor.current();

        job.has_signalled().then_some(*number)
    }

    /// A job that is to complete.
    fn pick_job(&mut self, now: i64) -> Option<Step> {
        let front = self.front();

        if let Some((up_to, error)) = self.reset {
            match front {
                Some(number) if number <= up_to => return self.complete(number, Some(error)),
                _ => self.reset = None,
            }
        }
        if self.hangs {
            return None;
        }
        if let Some(number) = front.filter(|number| *number <= self.complete_up_to) {
            if let Some(step) = self.complete(number, None) {
                return Some(step);
            }
        }
        let (at, number) = self.first_due()?;
        if at <= now {
            return self.complete(number, None);
        }
        None
    }

    /// Takes a job's fence, to be completed with this error, or as it will; `None` if it
    /// is being completed.
    fn complete(&mut self, number: u64, error: Option<Error>) -> Option<Step> {
        let job = self.jobs.get_mut(&number)?;
        let (fence, result, in_fences) = job.complete(error)?;

        Self::clear_due(&mut self.due, number, job);
        Some(Step::Complete {
            number,
            fence,
            result,
            in_fences,
        })
    }
}
