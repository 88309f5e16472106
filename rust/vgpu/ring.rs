// SPDX-License-Identifier: GPL-2.0

//! Rings, and the hardware behind them.

use crate::gem::Object;
use dma_buf::{
    delegate::{
        Delegate,
        Timer,
        TimerRef,
        WeakRef, //
    },
    job_queue::{
        Completer,
        JobQueue,
        JobQueueOptions,
        JobRunner, //
    },
    resv::{
        ResvSet,
        ResvUsage, //
    },
    SignallingSection, //
};
use kernel::{
    new_spinlock_irq,
    prelude::*,
    sync::{
        aref::ARef,
        SpinLockIrq, //
    },
    time::Delta, //
};

/// The buffers of a job, with the usage that it waits for and the one that it is added with.
pub(crate) type Buffers = ResvSet<(ARef<Object>, (ResvUsage, ResvUsage))>;

/// What the driver has to know of a job.
pub(crate) struct Job {
    pub(crate) command: Command,
    /// Kept until the job is done.
    pub(crate) buffers: Option<Buffers>,
}

/// What the hardware is told.
#[derive(Clone, Copy)]
pub(crate) struct Command {
    /// How long it takes, or `None` if it hangs.
    pub(crate) delay: Option<Delta>,
    pub(crate) result: Result,
}

/// The hardware: it does one command after the other, and the timer is its interrupt.
#[pin_data]
struct Engine {
    /// The commands that it has, with the numbers of their jobs. It is at the first.
    #[pin]
    commands: SpinLockIrq<KVec<(u64, Command)>>,
    timer: WeakRef<TimerRef>,
    completer: Completer<Ring>,
}

impl Delegate for Engine {
    fn run(&self, _section: &SignallingSection<'_>) {
        let mut commands = self.commands.lock();
        let Ok((seqno, command)) = commands.remove(0) else {
            return;
        };

        if let Some(delay) = commands.first().and_then(|(_, next)| next.delay) {
            if let Some(timer) = self.timer.upgrade() {
                timer.start(delay);
            }
        }
        drop(commands);
        match command.result {
            // The hardware is in order, so all jobs before this one are done.
            Ok(()) => self.completer.complete_up_to(seqno) > 0,
            Err(_) => self.completer.complete(seqno, command.result),
        };
    }
}

/// A ring.
pub(crate) struct Ring {
    engine: Timer<Engine>,
    slowness: i64,
}

impl Ring {
    /// Makes a ring that takes `depth` jobs at a time, and `slowness` times as long for each.
    pub(crate) fn new(name: &CStr, depth: usize, slowness: i64) -> Result<JobQueue<Ring>> {
        let timeout = *crate::module_parameters::timeout_ms.value_ref();
        let options = JobQueueOptions::new()
            .in_flight(depth)
            .max_jobs(512)
            .timeout(Delta::from_millis(timeout.into()))?;

        JobQueue::new(c"vgpu", name, options, |completer| {
            let commands = KVec::with_capacity(depth, GFP_KERNEL)?;

            Ok(Ring {
                engine: Timer::new_cyclic(|timer| {
                    pin_init!(Engine {
                        commands <- new_spinlock_irq!(commands),
                        timer,
                        completer,
                    })
                })?,
                slowness,
            })
        })
    }
}

impl JobRunner for Ring {
    type Job = Job;

    fn run(&self, job: &Job, seqno: u64, _section: &SignallingSection<'_>) -> Result {
        let slower = |delay: Delta| Delta::from_nanos(delay.as_nanos() * self.slowness);
        let mut command = job.command;

        command.delay = command.delay.map(slower);
        let mut commands = self.engine.commands.lock();

        commands
            .push_within_capacity((seqno, command))
            .map_err(|_| EBUSY)?;
        if let (1, Some(delay)) = (commands.len(), command.delay) {
            self.engine.start(delay);
        }
        Ok(())
    }

    fn stop(&self, _section: &SignallingSection<'_>) {
        self.engine.cancel();
        self.engine.commands.lock().clear();
    }
}
