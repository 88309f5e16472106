// SPDX-License-Identifier: GPL-2.0

//! What the irq_work has to do next.

use super::{
    state::ready_since,
    State,
    Timeline, //
};
use crate::{
    fences::{
        now,
        Fences, //
    },
    in_fences::{
        InFences,
        Registrations, //
    },
    job::Job,
    ring::Kind, //
};
use dma_buf::DriverFence;
use kernel::{
    prelude::*,
    time::Delta, //
};

/// When to look again at what is about to signal, in ns.
const LOOK_NS: i64 = 100_000;

/// One thing to do, with the state unlocked.
pub(crate) enum Step {
    /// A job has been started; this is to be dropped.
    Started(Option<Registrations>),
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

/// What was done.
pub(crate) enum Done {
    /// A job with this number was completed.
    Job(u64),
    /// All points up to this one were signalled.
    Signalled(u64),
    /// All points were completed.
    Cancelled,
    /// Nothing that needs to be known.
    Other,
}

impl Timeline {
    /// Takes the next thing to do, when the last one, if any, is done.
    pub(crate) fn next(&self, last: Option<Done>) -> Step {
        let mut state = self.state.lock();

        state.active -= u32::from(last.is_some());
        let (step, was_asked_for) = self.pick(&mut state, last);

        // Whoever is still at it looks again.
        let served = !was_asked_for && state.active == 0 && state.served < state.requests;

        if served {
            state.served = state.requests;
        }
        state.active += u32::from(!matches!(step, Step::Idle));
        drop(state);
        if served {
            self.served.notify_all();
        }
        step
    }

    /// Also says whether somebody may wait for it.
    fn pick(&self, state: &mut State, last: Option<Done>) -> (Step, bool) {
        if let Some(last) = &last {
            state.note(last);
        }
        if self.kind == Kind::Points {
            return state.pick_points();
        }
        if let Some(job) = self.retire(state, last) {
            return (Step::Drop(job), true);
        }

        let now = now();
        match state.pick_job(now) {
            Some(picked) => picked,
            None if state.is_signalling() => {
                self.look_again(state);
                (Step::Idle, true)
            }
            None => {
                self.arm_later(state, now);
                (Step::Idle, false)
            }
        }
    }

    /// Takes out a job whose fence has signalled: the one that was completed, if its
    /// fence has not to wait for others, or the first.
    fn retire(&self, state: &mut State, last: Option<Done>) -> Option<Job> {
        let number = match (self.kind, last) {
            (Kind::Unordered, Some(Done::Job(number))) => number,
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
    pub(crate) fn pause(&self, last: Done, delay: i64) {
        let mut state = self.state.lock();

        state.note(&last);
        let job = self.retire(&mut state, Some(last));

        state.active -= 1;
        state.paused = state.links.is_some();
        if let Some(links) = &state.links {
            links.timer.start(Delta::from_nanos(delay));
        }
        drop(state);
        drop(job);
    }

    /// Of many jobs that were done and had waited for another, the library signals the
    /// last ones a little later, and says nothing. No job that is done now signals before
    /// them, so it may as well wait.
    fn look_again(&self, state: &mut State) {
        state.paused = state.links.is_some();
        if let Some(links) = &state.links {
            links.timer.start(Delta::from_nanos(LOOK_NS));
        }
    }

    /// Starts the timer, if a job is done later: what is due now waits for a reset.
    fn arm_later(&self, state: &State, now: i64) {
        if state.reset.is_none() {
            self.arm(state, now);
        }
    }
}

impl State {
    /// Notes what was done with points.
    fn note(&mut self, done: &Done) {
        match *done {
            Done::Signalled(point) => self.signalled = self.signalled.max(point),
            Done::Cancelled => self.reset = None,
            Done::Job(_) | Done::Other => {}
        }
    }

    fn pick_points(&mut self) -> (Step, bool) {
        if let Some((_, error)) = self.reset {
            return (Step::Cancel(error), true);
        }
        if self.signalled < self.value {
            return (Step::Signal(self.value), true);
        }
        (Step::Idle, false)
    }

    /// The first job, if its fence has signalled.
    fn first_signalled(&self) -> Option<u64> {
        let cursor = self.jobs.cursor_front()?;
        let (number, job) = cursor.current();

        job.has_signalled().then_some(*number)
    }

    /// Whether the first job is complete, by nobody who is still at it, and has not
    /// signalled.
    fn is_signalling(&self) -> bool {
        let front = self.jobs.cursor_front();

        self.active == 0
            && front.is_some_and(|front| {
                let job = front.current().1;

                job.is_complete() && !job.has_signalled()
            })
    }

    /// A job that something is to be done with; also says whether somebody may wait for
    /// that.
    fn pick_job(&mut self, now: i64) -> Option<(Step, bool)> {
        let front = self.front();

        if let Some((up_to, error)) = self.reset {
            match front {
                Some(number) if number <= up_to => {
                    return self.complete(number, Some(error)).map(|step| (step, true))
                }
                _ => self.reset = None,
            }
        }
        let by_hand = front.filter(|number| *number <= self.complete_up_to && !self.hangs);
        if let Some(step) = by_hand.and_then(|number| self.complete(number, None)) {
            return Some((step, true));
        }
        let (at, number) = self.first_due()?;
        // Those that were told to complete come behind these.
        if at < 0 {
            return self.start(number, at).map(|step| (step, true));
        }
        if at <= now && !self.hangs {
            return self.complete(number, None).map(|step| (step, at == 0));
        }
        None
    }

    /// Starts a job that is ready.
    fn start(&mut self, number: u64, at: i64) -> Option<Step> {
        let job = self.jobs.get_mut(&number)?;

        Self::clear_due(&mut self.due, number, job);
        let registrations = job.in_fences().map(InFences::disarm);

        if let Some(at) = job.start(ready_since(at)) {
            self.set_due(number, at);
        }
        Some(Step::Started(registrations))
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
