// SPDX-License-Identifier: GPL-2.0

//! The device's interrupt: an irq_work, and the timer that raises it.

use crate::{
    fences::{
        now,
        Fences, //
    },
    timeline::{
        Done,
        Step,
        Timeline, //
    }, //
};
use dma_buf::{
    delegate::{
        Delegate,
        IrqWorkRef,
        Timer, //
    },
    FenceContext, SignalOutcome, SignallingSection,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// How much is done in one run, and for how long, in ns: interrupts are off meanwhile.
const BATCH: usize = 256;
const BATCH_NS: i64 = 500_000;

/// How to get the irq_work going.
pub(crate) struct Links {
    pub(crate) interrupt: IrqWorkRef,
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

    /// Completes points up to this one, but not too many at once; says whether that was
    /// all.
    fn points(&self, since: i64, up_to: u64, result: Result) -> bool {
        // Each number has one fence at most.
        let Some((fences, first)) = self
            .fences
            .as_ref()
            .and_then(|fences| Some((fences, fences.first_pending_seqno()?)))
            .filter(|(_, first)| *first <= up_to)
        else {
            return true;
        };
        let last = up_to.min(first.saturating_add(BATCH as u64 - 1));
        let count = match result {
            Ok(()) => fences.signal_up_to(last),
            Err(error) => fences.cancel_up_to(last, error),
        };

        self.timeline.uncharge(count);
        self.timeline.device.stats.signalled.add(count);
        self.signalled(since, count);
        last == up_to
    }
}

impl Delegate for Interrupt {
    fn run(&self, _section: &SignallingSection<'_>) {
        let begun = now();
        let since = self.timeline.begin();

        #[cfg(vfence_misbehave)]
        crate::misbehave::run();
        self.work(since, begun);
        self.timeline.device.spent_since(begun);
    }
}

impl Interrupt {
    /// Does what there is to do, but not too much of it.
    fn work(&self, since: i64, begun: i64) {
        let mut last = None;

        for _ in 0..BATCH {
            last = Some(match self.timeline.next(last) {
                Step::Started(registrations) => {
                    drop(registrations);
                    Done::Other
                }
                Step::Complete {
                    number,
                    fence,
                    result,
                    in_fences,
                } => {
                    if fence.signal(result) != SignalOutcome::TooLate {
                        self.signalled(since, 1);
                    }
                    drop(in_fences);
                    Done::Job(number)
                }
                Step::Drop(job) => {
                    drop(job);
                    Done::Other
                }
                Step::Signal(point) if self.points(since, point, Ok(())) => Done::Signalled(point),
                Step::Cancel(error) if self.points(since, u64::MAX, Err(error)) => Done::Cancelled,
                Step::Signal(_) | Step::Cancel(_) => Done::Other,
                Step::Idle => return,
            });
            if now() - begun > BATCH_NS {
                break;
            }
        }
        // Others want the CPU, too: as long again.
        self.timeline
            .pause(last.unwrap_or(Done::Other), now() - begun);
    }
}

/// The timer.
pub(crate) struct Alarm(pub(crate) Arc<Timeline>);

impl Delegate for Alarm {
    fn run(&self, _section: &SignallingSection<'_>) {
        self.0.alarm();
    }
}
