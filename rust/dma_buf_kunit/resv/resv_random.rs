// SPDX-License-Identifier: GPL-2.0

//! Random operations on objects, compared with a model of the result.

use crate::prelude::*;

/// A context and its pending fences.
struct Line {
    context: FenceContext<Mock>,
    pending: KVec<DriverFence<Mock>>,
    signaled: u64,
}

impl Line {
    fn new() -> Result<Self> {
        Ok(Self {
            context: fixture::context()?,
            pending: KVec::new(),
            signaled: 0,
        })
    }

    /// The next fence, or again one that is pending.
    fn fence(&mut self, random: &mut Random) -> Result<ARef<Leaf>> {
        if self.pending.is_empty() || (self.pending.len() < 8 && random.below(2) == 0) {
            self.pending.push(next(&self.context)?, GFP_KERNEL)?;
            return Ok(self.pending[self.pending.len() - 1].leaf());
        }
        Ok(self.pending[random.below(self.pending.len())].leaf())
    }

    fn signal_some(&mut self, random: &mut Random) -> Result {
        for _ in 0..random.below(self.pending.len() + 1) {
            let driver = self.pending.remove(0).map_err(|_| EINVAL)?;

            self.signaled = driver.as_fence().seqno();
            ensure!(driver.signal(Ok(())) != SignalOutcome::TooLate);
        }
        Ok(())
    }
}

/// A fence that was added: the index of its context, its seqno, and its usage.
type Entry = (usize, u64, ResvUsage);

struct World {
    random: Random,
    lines: KVec<Line>,
    objects: [Arc<Resv>; 2],
    /// The pending fences that have been added to each object.
    added: [KVec<Entry>; 2],
}

const LINES: usize = 6;

impl World {
    fn new(seed: u32) -> Result<Self> {
        let mut lines = KVec::new();

        for _ in 0..LINES {
            lines.push(Line::new()?, GFP_KERNEL)?;
        }
        Ok(Self {
            random: Random(seed),
            lines,
            objects: [object()?, object()?],
            added: [KVec::new(), KVec::new()],
        })
    }

    fn usage(&mut self) -> ResvUsage {
        ResvUsage::ALL[self.random.below(4)]
    }

    fn some_fence(&mut self) -> Result<(usize, ARef<Leaf>)> {
        let line = self.random.below(LINES);

        Ok((line, self.lines[line].fence(&mut self.random)?))
    }

    fn line_of(&self, fence: &Fence) -> Option<usize> {
        self.lines
            .iter()
            .position(|line| line.context.context() == fence.context())
    }

    /// Reserves some slots, and uses some of them, to the last or not.
    fn reserve_and_add(&mut self, which: usize, guard: &mut ResvGuard<Arc<Resv>>) -> Result {
        let count = 1 + self.random.below(6);
        let used = self.random.below(count + 1);
        let mut slots = guard.reserve(count)?;

        for _ in 0..used {
            let (line, fence) = self.some_fence()?;
            let usage = self.usage();
            let slot = slots.next().ok_or(ENOSPC)?;

            match self.random.below(8) {
                0 => drop(slot),
                1 => {
                    let _ = ManuallyDrop::new(slot);
                }
                _ => {
                    slot.add(&fence, usage);
                    self.added[which].push((line, fence.seqno(), usage), GFP_KERNEL)?;
                }
            }
        }
        ensure!(slots.len() == count - used);
        if self.random.below(4) == 0 {
            let _ = ManuallyDrop::new(slots);
        }
        Ok(())
    }

    fn replace(&mut self, which: usize, guard: &mut ResvGuard<Arc<Resv>>) -> Result {
        let line = self.random.below(LINES);
        let context = self.lines[line].context.context();
        let (other, fence) = self.some_fence()?;
        let usage = self.usage();
        let theirs = |(fence, _): &(&Fence, ResvUsage)| fence.context() == context;
        let count = guard.fences(ResvUsage::Bookkeep).filter(theirs).count();
        let is_refused = guard
            .fences(ResvUsage::Bookkeep)
            .filter(theirs)
            .any(|(_, old)| old < usage);

        let replaced = guard.replace_fences(context, &fence, usage);
        if is_refused {
            ensure!(replaced == Err(EINVAL));
            return Ok(());
        }
        ensure!(replaced == Ok(count));
        self.added[which].retain(|(of, ..)| *of != line);
        if count > 0 {
            self.added[which].push((other, fence.seqno(), usage), GFP_KERNEL)?;
        }
        Ok(())
    }

    fn copy(&mut self, to: usize, from: usize, guard: &mut ResvGuard<Arc<Resv>>) -> Result {
        guard.add_fences_from(&self.objects[from])?;
        for i in 0..self.added[from].len() {
            let entry = self.added[from][i];

            self.added[to].push(entry, GFP_KERNEL)?;
        }
        Ok(())
    }

    /// Removes signalled and duplicate entries.
    fn tidy(&mut self) {
        for added in &mut self.added {
            let lines = &self.lines;

            added.sort_unstable();
            let mut last = None;
            added.retain(|entry| {
                let is_new = last.replace(*entry) != Some(*entry);
                is_new && entry.1 > lines[entry.0].signaled
            });
        }
    }

    /// Checks that a query for each usage finds the right fences and no others.
    fn check(&self) -> Result {
        for (resv, added) in self.objects.iter().zip(&self.added) {
            for usage in ResvUsage::ALL {
                let mut latest = [0; LINES];
                let mut expected = [0; LINES];
                let rcu = rcu::read_lock();
                let mut walk = resv.fences_unlocked(usage, &rcu);

                while let Some(fence) = walk.next() {
                    let line = self.line_of(fence).ok_or(ENOENT)?;
                    let seqno = fence.seqno();

                    latest[line] = latest[line].max(seqno);
                    let entry = (line, seqno, walk.usage());
                    ensure!(entry.2 <= usage);
                    ensure!(added.contains(&entry));
                }
                for (line, seqno, _) in added.iter().filter(|(.., of)| *of <= usage) {
                    expected[*line] = expected[*line].max(*seqno);
                }
                ensure!(latest == expected);
                ensure!(resv.test_signaled(usage) == (expected == [0; LINES]));
            }
        }
        Ok(())
    }

    /// Does `steps` things, and looks after each.
    fn run(&mut self, steps: usize) -> Result {
        let mut which = 0;
        let mut guard = ResvGuard::lock(self.objects[which].clone());

        for _ in 0..steps {
            match self.random.below(16) {
                0..6 => self.reserve_and_add(which, &mut guard)?,
                6..8 => {
                    drop(guard);
                    which = self.random.below(2);
                    guard = ResvGuard::lock(self.objects[which].clone());
                }
                8..10 => {
                    let line = self.random.below(LINES);
                    let Self { lines, random, .. } = self;

                    lines[line].signal_some(random)?;
                }
                10..12 => self.replace(which, &mut guard)?,
                12 => self.copy(which, 1 - which, &mut guard)?,
                13 => self.copy(which, which, &mut guard)?,
                14 => {
                    let (_, fence) = self.some_fence()?;
                    let usage = self.usage();

                    guard.reserve_one()?.add(&fence, usage);
                    let line = self.line_of(&fence).ok_or(ENOENT)?;
                    self.added[which].push((line, fence.seqno(), usage), GFP_KERNEL)?;
                }
                _ => {
                    ensure!(guard.reserve(0).is_err());
                    ensure!(guard.reserve(4097).is_err());
                    let usage = self.usage();
                    let found = guard.get_fences(usage)?.len();
                    ensure!(guard.fences(usage).count() >= found);
                }
            }
            self.tidy();
            self.check()?;
        }
        drop(guard);
        for line in &mut self.lines {
            while !line.pending.is_empty() {
                line.signal_some(&mut self.random)?;
            }
        }
        self.tidy();
        self.check()?;
        ensure!(self.added.iter().all(|added| added.is_empty()));
        Ok(())
    }
}

#[kunit_tests(rust_dma_buf_resv_random)]
mod tests {
    use super::*;

    #[test]
    fn no_order_of_operations_loses_or_invents_a_fence() -> Result {
        for seed in 1..=8 {
            let result = World::new(seed).and_then(|mut world| world.run(1000));

            if let Err(error) = result {
                pr_err!("with seed {}: {:?}\n", seed, error);
            }
            assert!(result.is_ok());
        }
        Ok(())
    }
}
