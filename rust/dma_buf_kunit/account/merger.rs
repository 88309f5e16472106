// SPDX-License-Identifier: GPL-2.0

//! Makes arrays, chains and merges of the fences of others, and fences that follow them.

use super::{
    books::{
        CONTAINERS,
        EARLY,
        PROXIES, //
    },
    callback::{
        Registration,
        See, //
    },
    job::Desk,
    line::{
        Bare,
        By,
        Handle,
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

/// The longest chain, and the most fences in a merge.
const LENGTH: u64 = 16;
const FENCES: usize = 5;

/// How many fences follow others at a time, and on one context.
const PROXIES_AT_ONCE: usize = 16;
const PROXIES_PER_LINE: u64 = 64;

/// The leaves of a container, which must have signalled when that does.
pub(crate) struct Contents(KVec<ARef<Leaf>>);

impl Contents {
    /// Notes that the container has signalled.
    fn check(&self) {
        CONTAINERS.take_back();
        if !self.0.iter().all(|leaf| leaf.test_signaled_flag()) {
            EARLY.add();
        }
    }
}

// SAFETY: It reads the flags of other fences, takes no lock, and adds to numbers.
unsafe impl See for Contents {
    fn see(&self, _fence: &Fence) {
        self.check();
    }
}

/// A callback on a container.
pub(crate) type Watch = Registration<Contents>;

pub(crate) struct Merger {
    shared: Arc<Shared>,
    random: Random,
    desk: Desk,
    tail: Option<ARef<Fence>>,
    links: u64,
    watches: KVec<Watch>,
    line: Arc<Line>,
    targets: u64,
    proxies: KVec<FenceProxy<Bare>>,
}

fn line() -> Result<Arc<Line>> {
    Line::new(Kind {
        by: By::Proxy,
        is_loaded: false,
        is_points: false,
        timeout: None,
        length: PROXIES_PER_LINE,
    })
}

impl Role for Merger {
    const NAME: &'static str = "merger";
    const FENCES: u64 = 16;

    fn new(shared: &Arc<Shared>, seed: u32) -> Result<Self> {
        Ok(Self {
            shared: shared.clone(),
            random: Random(seed),
            desk: Desk::new(),
            tail: None,
            links: 0,
            watches: KVec::new(),
            line: line()?,
            targets: 0,
            proxies: KVec::with_capacity(PROXIES_AT_ONCE, GFP_KERNEL)?,
        })
    }

    fn round(&mut self) -> Result<bool> {
        let mut fences = KVec::with_capacity(FENCES, GFP_KERNEL)?;
        let mut contents = KVec::new();

        for _ in 0..1 + self.random.below(FENCES) {
            let fence = self.shared.fence(&mut self.random);

            for leaf in leaves(&fence)? {
                contents.push(leaf, GFP_KERNEL)?;
            }
            fences.push(fence, GFP_KERNEL)?;
        }
        match self.random.below(4) {
            0 => {
                let merged = unwrap_merge(fences.iter().map(|fence| &**fence))?;

                self.watch(&merged, contents)?;
            }
            1 => {
                let mut leaves = KVec::with_capacity(contents.len(), GFP_KERNEL)?;

                for leaf in &contents {
                    leaves.push(leaf.clone(), GFP_KERNEL)?;
                }
                // A chain that has signalled may have no leaves.
                if !leaves.is_empty() {
                    let array = FenceArray::create(leaves)?;

                    self.watch(&array, contents)?;
                }
            }
            2 => self.append(&fences[0].to_unwrapped()?, leaves(&fences[0])?)?,
            _ => self.follow(&fences[0].to_unwrapped()?)?,
        }
        self.watches.retain(|watch| !watch.is_called());
        Ok(true)
    }

    /// Proxies that were not at it yet give their fences back.
    fn finish(mut self) -> Result<Left> {
        for proxy in self.proxies.drain_all() {
            if let Some(target) = proxy.cancel() {
                target.signal(Ok(()));
            }
        }
        self.line.finish(&mut self.random);
        Ok(Left {
            jobs: self.desk.into_jobs(),
            watches: self.watches,
        })
    }
}

impl Merger {
    /// Hands out a container, and looks at its leaves when it signals.
    fn watch(&mut self, container: &Fence, contents: KVec<ARef<Leaf>>) -> Result {
        let mut watch = Registration::new()?;

        CONTAINERS.make();
        self.shared.hand_out(container, &mut self.random);
        match watch.register(container, Contents(contents))? {
            None => self.watches.push(watch, GFP_KERNEL)?,
            Some(callback) => callback.inner.check(),
        }
        Ok(())
    }

    /// Appends a link to its chain.
    fn append(&mut self, fence: &UnwrappedFence, contents: KVec<ARef<Leaf>>) -> Result {
        let link = FenceChainAllocation::new()?;

        if self.links == LENGTH {
            self.links = 0;
            self.tail = None;
        }
        self.links += 1;
        let link = FenceChain::into_fence(link.append(self.tail.take(), fence.clone(), self.links));

        self.watch(&link, contents)?;
        self.tail = Some(link);
        Ok(())
    }

    /// Has a fence of its own follow another one.
    fn follow(&mut self, source: &UnwrappedFence) -> Result {
        let proxy = FenceProxyAllocation::new()?;

        if self.targets == PROXIES_PER_LINE {
            self.targets = 0;
            self.line = line()?;
        }
        self.targets += 1;
        let mut job = self.line.publish(None)?;

        self.shared.keep_some(&job);
        self.shared.hand_out(job.fence(), &mut self.random);
        if self.proxies.len() == PROXIES_AT_ONCE {
            let index = self.random.below(PROXIES_AT_ONCE);

            if let Ok(proxy) = self.proxies.remove(index) {
                // It may not be its turn yet.
                if let Some(target) = proxy.cancel() {
                    target.signal(Ok(()));
                }
            }
        }
        if let Some(Handle::Bare(target)) = job.take_handle() {
            self.proxies.push(proxy.start(source, target), GFP_KERNEL)?;
        }
        PROXIES.add();
        self.desk.put(job)
    }
}
