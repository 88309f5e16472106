// SPDX-License-Identifier: GPL-2.0

//! The device's interrupt: an irq_work, and the timer that raises it.

use crate::{
    fences::{
        now,
        Fences, //
    },
    timeline::{
        Step,
        Timeline, //
    }, //
};
use dma_buf::{
    FenceContext,
    IrqWorkItem,
    IrqWorkQueuer,
    Section,
    Timer,
    TimerItem, //
};
use kernel::sync::Arc;

/// How much is done in one run, and for how long, in ns: interrupts are off meanwhile.
const BATCH: usize = 256;
const BATCH_NS: i64 = 500_000;

/// How to get the irq_work going.
pub(crate) struct Links {
    pub(crate) interrupt: IrqWorkQueuer,
    pub(crate) timer: Timer<Alarm>,
}

/// The irq_work.
pub(crate) struct Interrupt {
    pub(crate) timeline: Arc<Timeline>,
    /// Of all fences, unless these have a context each.
    pub(crate) fences: Option<Arc<FenceContext<Fences>>>,
}

impl Interrupt {
    /// Notes that fences have signalled.
    fn signalled(&self, since: i64, count: usize) {
        if since != 0 && count != 0 {
            self.timeline
                .device
                .stats
                .latency(now().saturating_sub(since), count);
        }
    }

    /// Completes points.
    fn points(&self, since: i64, signal: impl FnOnce(&FenceContext<Fences>) -> usize) {
        let count = self.fences.as_ref().map_or(0, |fences| signal(fences));

        self.timeline.uncharge(count);
        self.timeline.device.stats.signalled.add(count);
        self.signalled(since, count);
    }
}

impl IrqWorkItem for Interrupt {
    fn run(&self, _section: &Section<'_>) {
        let begun = now();
        let since = self.timeline.begin();

        self.work(since, begun);
        self.timeline.device.spent_since(begun);
    }
}

impl Interrupt {
    /// Does what there is to do, but not too much of it.
    fn work(&self, since: i64, begun: i64) {
        let mut last = false;
        let mut completed = None;

        for _ in 0..BATCH {
            let step = self.timeline.next(last, completed.take());

            last = true;
            match step {
                Step::Complete {
                    number,
                    fence,
                    result,
                    in_fences,
                } => {
                    if fence.signal(result) {
                        self.signalled(since, 1);
                    }
                    completed = Some(number);
                    drop(in_fences);
                }
                Step::Drop(job) => drop(job),
                Step::Signal(point) => self.points(since, |fences| fences.signal_up_to(point)),
                Step::Cancel(error) => self.points(since, |fences| fences.cancel_all(error)),
                Step::Idle => return,
            }
            if now() - begun > BATCH_NS {
                break;
            }
        }
        // Others want the CPU, too: as long again.
        self.timeline.pause(completed, now() - begun);
    }
}

/// The timer.
pub(crate) struct Alarm(pub(crate) Arc<Timeline>);

impl TimerItem for Alarm {
    fn run(&self, _section: &Section<'_>) {
        self.0.alarm();
    }
}
