// SPDX-License-Identifier: GPL-2.0

//! The device's interrupt: one irq_work for all timelines, as a GPU has one interrupt line.
//!
//! ```text
//!   raise(line) --> queue of lines --> irq_work: serve() each, at most BATCH jobs in all
//!                         ^                |
//!                         |                | more is left
//!                         +-- resume <-- pause: as long as that run took
//! ```
//!
//! A job that is completed may complete others, which wait for it, on any timeline. They are
//! served in the same run. So however many jobs there are, and on however many timelines, the
//! interrupt takes at most half of the time of a CPU by itself. A task that waits for the interrupt
//! ends the pause ([`Interrupt::hurry`]), as it is the task's own time that the next run takes.

use crate::{
    clock::now,
    stats::Stats, //
};
use dma_buf::{
    delegate::{
        Delegate,
        IrqWork,
        IrqWorkRef,
        Timer,
        WeakRef, //
    },
    SignallingSection, //
};
use kernel::{
    list::{
        List,
        ListArc,
        ListItem,
        TryNewListArc, //
    },
    new_condvar,
    new_spinlock_irq,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        SpinLockIrq, //
    },
    task::might_sleep,
    time::Delta, //
};

/// The most jobs that one run completes. Interrupts are off meanwhile.
const BATCH: usize = 256;

/// Something that raises the interrupt, and is served by it.
pub(crate) trait Line: ListItem<0> + TryNewListArc<0> + Send + Sync + 'static {
    /// Completes jobs, and subtracts their number from `budget`, which is not 0. Returns `true`
    /// if `budget` is used up and more jobs may be left.
    fn serve(&self, budget: &mut usize) -> bool;
}

/// The lines that have raised the interrupt.
struct Queue<T: Line> {
    lines: List<T>,
    /// The irq_work is not queued before the pause is over.
    is_paused: bool,
    /// On how many CPUs the irq_work runs.
    running: usize,
    /// [`Interrupt::drain`] waits.
    is_draining: bool,
}

impl<T: Line> Queue<T> {
    /// Adds a line, unless it is there.
    fn push(&mut self, line: Arc<T>) {
        if let Some(line) = ListArc::try_from_arc_or_drop(line) {
            self.lines.push_back(line);
        }
    }

    fn is_idle(&self) -> bool {
        self.lines.is_empty() && self.running == 0
    }
}

#[pin_data]
struct Handler<T: Line> {
    #[pin]
    queue: SpinLockIrq<Queue<T>>,
    #[pin]
    drained: CondVar,
    /// Ends a pause.
    resume: Timer<Resume>,
    stats: Arc<Stats>,
}

/// Queues the irq_work after a pause.
struct Resume {
    work: WeakRef<IrqWorkRef>,
    stats: Arc<Stats>,
}

impl Delegate for Resume {
    fn run(&self, _section: &SignallingSection<'_>) {
        if self.work.upgrade().is_some_and(|work| work.queue()) {
            self.stats.raised.add(1);
        }
    }
}

impl<T: Line> Delegate for Handler<T> {
    fn run(&self, _section: &SignallingSection<'_>) {
        let begun = now();
        let mut budget = BATCH;
        let mut queue = self.queue.lock();

        self.stats.ran.add(1);
        queue.is_paused = false;
        queue.running += 1;
        while budget != 0 {
            let Some(line) = queue.lines.pop_front().map(ListArc::into_arc) else {
                break;
            };

            drop(queue);
            // What may be the last reference is not dropped with the lock held.
            let again = line.serve(&mut budget).then_some(line);

            // Also one that had nothing to do.
            budget = budget.saturating_sub(1);
            queue = self.queue.lock();
            if let Some(line) = again {
                queue.push(line);
            }
        }
        queue.running -= 1;

        let is_full = budget == 0 && !queue.lines.is_empty();

        queue.is_paused |= is_full;
        if queue.is_draining && queue.is_idle() {
            self.drained.notify_all();
        }
        drop(queue);
        if is_full {
            // Threads get the CPU for as long as this run had it.
            self.resume.start(Delta::from_nanos(now() - begun));
        }
    }
}

/// See the module.
pub(crate) struct Interrupt<T: Line>(IrqWork<Handler<T>>);

impl<T: Line> Interrupt<T> {
    pub(crate) fn new(stats: Arc<Stats>) -> Result<Self> {
        let work = IrqWork::new_cyclic(|work| {
            let resume = Resume {
                work,
                stats: stats.clone(),
            };

            try_pin_init!(Handler {
                queue <- new_spinlock_irq!(Queue {
                    lines: List::new(),
                    is_paused: false,
                    running: 0,
                    is_draining: false,
                }),
                drained <- new_condvar!("vfence::Interrupt::drained"),
                resume: Timer::new(resume)?,
                stats,
            }? Error)
        })?;

        Ok(Self(work))
    }

    /// Serves `line` soon.
    ///
    /// Context: any, also a callback; the locks that [`Line::serve`] takes may be held.
    pub(crate) fn raise(&self, line: Arc<T>) {
        let mut queue = self.0.queue.lock();

        queue.push(line);
        let is_paused = queue.is_paused;

        drop(queue);
        if !is_paused && self.0.queue() {
            self.0.stats.raised.add(1);
        }
    }

    /// Ends a pause. Returns `false` if there is none.
    ///
    /// Context: process; may sleep.
    pub(crate) fn hurry(&self) -> bool {
        might_sleep();

        let is_paused = self.0.queue.lock().is_paused;

        if is_paused {
            if self.0.queue() {
                self.0.stats.raised.add(1);
            }
            // With PREEMPT_RT a thread runs it, maybe one with a lower priority than this.
            self.0.sync();
        }
        is_paused
    }

    /// Waits until no line is served, nor has raised the interrupt.
    ///
    /// Context: process; may sleep.
    pub(crate) fn drain(&self) {
        let mut queue = self.0.queue.lock();

        queue.is_draining = true;
        while !queue.is_idle() {
            if queue.is_paused {
                drop(queue);
                self.hurry();
                queue = self.0.queue.lock();
            } else {
                self.0.drained.wait(&mut queue);
            }
        }
        queue.is_draining = false;
    }
}
