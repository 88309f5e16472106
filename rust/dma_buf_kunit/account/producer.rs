// SPDX-License-Identifier: GPL-2.0

//! Makes contexts of all kinds, and fences on them.

use super::{
    job::{
        Desk,
        Job, //
    },
    line::{
        By,
        Kind,
        Line, //
    },
    shared::{
        Left,
        Role,
        Shared, //
    }, //
};
use crate::prelude::*;

/// A producer waits for the RCU callbacks each time it has made this many fences, so that no more
/// than this many wait to be freed.
const LIMIT: u64 = 32768;

/// Points are published in blocks of these, in this order.
const BLOCK: [u64; 8] = [4, 2, 7, 2, 1, 6, 7, 3];

pub(crate) struct Producer {
    shared: Arc<Shared>,
    random: Random,
    desk: Desk,
    made: u64,
}

/// How a context's fences are numbered.
enum Numbers {
    /// By the context.
    InTurn,
    /// With gaps.
    Gaps,
    Points,
}

impl Role for Producer {
    const NAME: &'static str = "producer";
    const FENCES: u64 = 0;

    fn new(shared: &Arc<Shared>, seed: u32) -> Result<Self> {
        Ok(Self {
            shared: shared.clone(),
            random: Random(seed),
            desk: Desk::new(),
            made: 0,
        })
    }

    fn round(&mut self) -> Result<bool> {
        let length = [1, 1, 4, 16, 64, 300][self.random.below(6)];
        let length = self.shared.start(length);

        if length == 0 {
            return Ok(false);
        }
        self.line(length)?;
        self.made += length;
        if self.made >= LIMIT {
            self.made = 0;
            rcu::rcu_barrier();
        }
        Ok(true)
    }

    fn finish(self) -> Result<Left> {
        Ok(self.desk.into())
    }
}

impl Producer {
    fn line(&mut self, length: u64) -> Result {
        let by = [By::One, By::One, By::Batch, By::Batch, By::Asking][self.random.below(5)];
        let numbers = match self.random.below(4) {
            0 if by != By::Asking => Numbers::Points,
            1 => Numbers::Gaps,
            _ => Numbers::InTurn,
        };
        let is_points = matches!(numbers, Numbers::Points);
        let has_timeout = by == By::Batch && !is_points && self.random.below(4) == 0;
        let line = Line::new(Kind {
            by,
            is_loaded: by == By::Asking || self.random.below(2) == 0,
            is_points,
            timeout: has_timeout.then(|| Delta::from_millis(1 + self.random.below(10) as i64)),
            length,
        })?;

        self.share(&line);
        match numbers {
            Numbers::Points => self.publish_points(&line, length)?,
            Numbers::Gaps => self.publish_in_order(&line, length, true)?,
            Numbers::InTurn => self.publish_in_order(&line, length, false)?,
        }
        if self.random.below(2) == 0 {
            line.finish(&mut self.random);
        }
        Ok(())
    }

    /// Lets others work on a context. It may be the end of another one.
    fn share(&mut self, line: &Arc<Line>) {
        let place = self.random.below(usize::MAX);

        if let Some(other) = self.shared.lines.exchange(place, Some(line.clone())) {
            other.finish(&mut self.random);
        }
    }

    fn publish_in_order(&mut self, line: &Line, length: u64, with_gaps: bool) -> Result {
        let mut last = 0;

        for _ in 0..length {
            let seqno = with_gaps.then(|| last + 1 + self.random.below(3) as u64);
            let job = line.publish(seqno)?;

            last = job.fence().seqno();
            line.set_published(last);
            self.shared.hand_out(job.fence(), &mut self.random);
            self.hand_over(job)?;
        }
        Ok(())
    }

    /// Points come in no order, and some are equal. They may be completed when there are none to
    /// come that are lower: those would be too late to signal in order.
    fn publish_points(&mut self, line: &Line, length: u64) -> Result {
        let mut block = KVec::with_capacity(BLOCK.len(), GFP_KERNEL)?;

        for index in 0..length {
            let (begun, place) = (index / BLOCK.len() as u64, index % BLOCK.len() as u64);
            let seqno = begun * 10 + BLOCK[place as usize];

            // Equal points signal one after the other, and a merge keeps any of them. So only one
            // of them is for others, who expect that all before it have signalled.
            let is_first = !BLOCK[..place as usize].contains(&BLOCK[place as usize]);

            block.push((line.publish(Some(seqno))?, is_first), GFP_KERNEL)?;
            if block.len() == BLOCK.len() || index + 1 == length {
                line.set_published(begun * 10 + 9);
                for (job, is_first) in block.drain_all() {
                    if is_first {
                        self.shared.hand_out(job.fence(), &mut self.random);
                    }
                    self.hand_over(job)?;
                }
            }
        }
        Ok(())
    }

    /// Hands a fence over to those who complete fences. If another one is in the way, that is
    /// completed.
    fn hand_over(&mut self, job: Job) -> Result {
        self.shared.keep_some(&job);
        let place = self.random.below(usize::MAX);

        if let Some(mut other) = self.shared.jobs.exchange(place, Some(job)) {
            other.complete(&mut self.random);
            self.desk.put(other)?;
        }
        Ok(())
    }
}
