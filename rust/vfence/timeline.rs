// SPDX-License-Identifier: GPL-2.0

//! A timeline: the state behind an open file.
//!
//! Everything about it is under one lock, which is held for a moment only: never
//! while a fence is signalled, and never where one calls back. So what happens is
//! split: an ioctl, a timer or a fence that signals changes the state and queues the
//! irq_work, which takes one thing to do after the other (`interrupt.rs`).

mod expired;
mod state;
mod step;

pub(crate) use state::State;
pub(crate) use step::{
    Done,
    Step, //
};

use crate::{
    device::Device,
    fences::{
        now,
        Fences, //
    },
    in_fences::InFences,
    job::{
        Allocation,
        Job, //
    },
    limits::{
        ContextCharge,
        Limit, //
    },
    ring::Kind, //
};
use dma_buf::{
    DriverFence,
    FenceContext, //
};
use kernel::{
    new_condvar,
    new_spinlock_irq,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        CondVar,
        SpinLockIrq, //
    },
    time::Delta, //
};

#[pin_data]
pub(crate) struct Timeline {
    pub(crate) device: Arc<Device>,
    pub(crate) name: CString,
    pub(crate) kind: Kind,
    #[pin]
    pub(crate) state: SpinLockIrq<State>,
    /// What counts against the limits.
    pub(crate) pending: Limit,
    /// When the irq_work was queued, in ns of CLOCK_MONOTONIC; 0 if it was not.
    queued_at: Atomic<i64>,
    /// Notified when requests have been served.
    #[pin]
    served: CondVar,
}

impl Timeline {
    pub(crate) fn new(device: Arc<Device>, name: CString, kind: Kind) -> Result<Arc<Self>> {
        let pending = Limit::new(device.max_fences);

        Arc::pin_init(
            pin_init!(Self {
                device,
                name,
                kind,
                state <- new_spinlock_irq!(State::new()),
                pending,
                queued_at: Atomic::new(0),
                served <- new_condvar!("vfence::Timeline::served"),
            }),
            GFP_KERNEL,
        )
    }

    pub(crate) fn charge(&self, count: usize) -> Result {
        self.pending.add(count)?;
        self.device.stats.pending.add(count);
        Ok(())
    }

    pub(crate) fn uncharge(&self, count: usize) {
        self.pending.sub(count);
        self.device.stats.pending.sub(count);
    }

    /// Has the irq_work run.
    pub(crate) fn queue(&self, state: &State) {
        let Some(links) = &state.links else {
            return;
        };

        // Before it is queued, as it may run at once; one that was queued before counts
        // from then.
        let _ = self.queued_at.cmpxchg(0, now(), Relaxed);
        if links.interrupt.queue() {
            self.device.stats.queued.add(1);
        }
    }

    /// The irq_work begins to run; says since when it was queued.
    pub(crate) fn begin(&self) -> i64 {
        self.state.lock().paused = false;
        self.device.stats.run.add(1);
        self.queued_at.xchg(0, Relaxed)
    }

    /// Changes the state, has that acted upon, and waits until it was.
    ///
    /// Process context, may sleep.
    pub(crate) fn request(&self, change: impl FnOnce(&mut State) -> Result) -> Result {
        self.wait_for(self.post(change)?);
        Ok(())
    }

    /// [`Self::request`] without the wait; returns what to wait for.
    pub(crate) fn post(&self, change: impl FnOnce(&mut State) -> Result) -> Result<u64> {
        let mut state = self.state.lock();

        change(&mut state)?;
        state.requests += 1;
        self.queue(&state);
        Ok(state.requests)
    }

    pub(crate) fn wait_for(&self, request: u64) {
        let mut state = self.state.lock();

        while state.served < request {
            self.served.wait(&mut state);
        }
    }

    /// The bound has completed fences up to this number; so many have signalled.
    pub(crate) fn expired(&self, seqno: u64, count: usize) {
        match self.kind {
            Kind::Points => {
                self.device.stats.timed_out.add(count);
                self.uncharge(count);
            }
            // Those at the front; the irq_work finds them.
            Kind::Ordered => self.queue(&self.state.lock()),
            Kind::Unordered => {
                let mut state = self.state.lock();
                // None, if it is not there yet: the one that adds it looks.
                let job = state.remove(seqno);

                if let Some(job) = &job {
                    self.account(&mut state, seqno, job);
                }
                drop(state);
                drop(job);
            }
        }
    }

    /// Counts a job whose fence has signalled.
    fn account(&self, state: &mut State, number: u64, job: &Job) {
        if job.is_complete() {
            self.device.stats.signalled.add(1);
        } else {
            // Nobody else completes what nobody was told to.
            self.device.stats.timed_out.add(1);
            state.expired.add(number);
        }
    }

    /// Adds a job, which is the next one, and whose fence is published.
    pub(crate) fn add(
        &self,
        number: u64,
        job: Allocation,
        fence: DriverFence<Fences>,
        context: Option<(FenceContext<Fences>, ContextCharge)>,
    ) {
        let (node, job) = job.into_job(fence, context);
        let starter = job.in_fences().map(InFences::looks);
        let mut state = self.state.lock();

        state.last = number;
        state.job_count += 1;
        state.jobs.insert(node.into_node(number, job));
        // The bound may have come before the job was there, and found none.
        let expired = self.take_expired(&mut state, number);
        match starter {
            // All may have signalled before the job was there.
            Some(starter) => {
                starter.queue();
            }
            None => self.start(&mut state, number),
        }
        drop(state);
        drop(expired);
    }

    /// Takes a job out if the bound has completed it, or has the irq_work do so.
    fn take_expired(&self, state: &mut State, number: u64) -> Option<Job> {
        let job = state.jobs.get_mut(&number)?;

        if !job.has_signalled() {
            return None;
        }
        if self.kind == Kind::Ordered {
            self.queue(state);
            return None;
        }
        let job = state.remove(number)?;

        self.account(state, number, &job);
        Some(job)
    }

    /// A job's in-fences have signalled: it is to run from now on.
    pub(crate) fn ready(&self, number: u64) {
        let mut state = self.state.lock();
        let now = now();

        if state.jobs.get(&number).is_some_and(Job::is_waiting) {
            self.set_due(&mut state, number, state::ready_at(now), now);
        }
    }

    /// A job without in-fences runs.
    fn start(&self, state: &mut State, number: u64) {
        let now = now();
        let job = state.jobs.get_mut(&number);

        if let Some(at) = job.and_then(|job| job.start(now)) {
            self.set_due(state, number, at, now);
        }
    }

    fn set_due(&self, state: &mut State, number: u64, at: i64, now: i64) {
        state.set_due(number, at);
        // Only the first counts; otherwise the timer is started already, or something is
        // left to be done before.
        if state.first_due() == Some((at, number)) {
            self.arm(state, now);
        }
    }

    /// Has the next job that is done completed, in time; after a pause, the run that ends
    /// it does.
    pub(crate) fn arm(&self, state: &State, now: i64) {
        if state.paused {
            return;
        }
        // Jobs are started though it hangs.
        let Some((at, _)) = state.first_due().filter(|(at, _)| *at < 0 || !state.hangs) else {
            return;
        };

        let delay = at.saturating_sub(now).max(self.device.throttle.pause(now));

        if delay <= 0 {
            self.queue(state);
        } else if let Some(links) = &state.links {
            links.timer.start(Delta::from_nanos(delay));
        }
    }

    /// The timer is over.
    pub(crate) fn alarm(&self) {
        self.queue(&self.state.lock());
    }

    /// Takes what could get the irq_work going, when nothing is left to be done.
    pub(crate) fn close(&self) {
        let links = self.state.lock().links.take();

        drop(links);
    }
}
