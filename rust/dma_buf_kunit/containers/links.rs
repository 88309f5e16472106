// SPDX-License-Identifier: GPL-2.0

//! Walks along chains, and what they leave behind.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_links)]
mod tests {
    use super::*;

    #[test]
    fn walk_is_from_the_newest_link_to_the_oldest() -> Result {
        let f = Fences::new(1)?;
        let chain = Chain::new(3, |index| index + 1)?;
        let link = |prev, index, point| -> Result<ARef<FenceChain>> {
            Ok(FenceChainAllocation::new()?.append(Some(prev), chain.fences.leaf(index), point))
        };
        let oldest = link(fence(f.fence(0)), 0, 1)?;
        let newest = link(fence(&oldest), 1, 2)?;
        let expected: [&Fence; 3] = [&newest, &oldest, f.fence(0)];
        let mut links = newest.links();

        for fence in expected {
            assert!(links.next().is_some_and(|link| is_same(link, fence)));
        }
        assert!(links.next().is_none());
        assert!(links.next().is_none());

        // Of no chain, it is over one.
        let mut links = f.fence(0).links();
        assert!(links.next().is_some_and(|link| is_same(link, f.fence(0))));
        assert!(links.next().is_none());
        Ok(())
    }

    #[test]
    fn walk_drops_links_that_have_signalled() -> Result {
        let chain = Chain::new(5, |index| index + 1)?;

        assert_eq!(length(chain.tail()), 5);
        chain.fences.signal(1);
        chain.fences.signal(2);
        // Nobody has looked yet.
        assert!(chain.links[3]
            .prev()
            .is_some_and(|prev| is_same(&prev, &chain.links[2])));
        let before = references(&chain.links[2]);
        assert_eq!(length(chain.tail()), 3);
        assert!(chain.links[3]
            .prev()
            .is_some_and(|prev| is_same(&prev, &chain.links[0])));
        assert_eq!(references(&chain.links[2]), before - 1);

        for index in [0, 3, 4] {
            chain.fences.signal(index);
        }
        // The first is visited whatever it is.
        assert_eq!(length(chain.tail()), 1);
        assert!(chain.tail().is_signaled());
        assert!(chain.links[4].prev().is_none());
        Ok(())
    }

    #[test]
    fn walk_keeps_where_it_is() -> Result {
        let mut chain = Chain::new(3, |index| index + 1)?;
        let tail = fence(chain.tail());
        let mut links = tail.links();

        links.next();
        let Some(link) = links.next() else {
            return Err(EINVAL);
        };
        // Another walk drops all but the tail, and nobody else has the rest.
        for index in 0..3 {
            chain.fences.signal(index);
        }
        assert_eq!(length(&tail), 1);
        chain.links.clear();
        rcu::rcu_barrier();
        assert_eq!((references(link), link.seqno()), (1, 2));
        assert!(links.next().is_none());
        Ok(())
    }

    /// All references but that of a link before go, while somebody waits.
    #[test]
    fn dropped_pending_it_lets_its_fences_go() -> Result {
        let mut chain = Chain::new(64, |index| index + 1)?;
        let before = references(chain.fences.fence(5));

        chain.links.clear();
        assert_eq!(references(chain.fences.fence(5)), before - 1);

        let chain = Chain::new(2, |index| index + 1)?;
        let Chain { fences, links } = chain;
        links[1].enable_signaling();
        drop(links);
        assert_eq!(references(fences.fence(0)), before);
        fences.signal(1);
        fences.signal(0);
        // Its context has let it go, too.
        assert!(eventually(|| references(fences.fence(0)) == before - 2));
        Ok(())
    }
    /// How long the chains of the race are.
    const LENGTH: usize = 32;

    /// A chain of which every other link has signalled; its tail, and the fences. One
    /// more has, too, and is in no link.
    fn half_signalled() -> Result<(Arc<Fences>, ARef<Fence>)> {
        let f = Arc::new(Fences::new(LENGTH + 1)?, GFP_KERNEL)?;
        let mut tail = None;

        for index in 0..LENGTH {
            let link = FenceChainAllocation::new()?;
            let link = link.append(tail.take(), f.leaf(index), index as u64 + 1);

            tail = Some(FenceChain::into_fence(link));
        }
        for index in (0..=LENGTH).step_by(2) {
            f.signal(index);
        }
        Ok((f, tail.ok_or(EINVAL)?))
    }

    /// Walks, and signals what is left of every fourth link.
    fn walk_and_signal(f: &Fences, tail: &Fence, first: usize) {
        length(tail);
        for index in (first..LENGTH - 1).step_by(4) {
            f.signal(index);
            length(tail);
        }
    }

    /// Where both drop a link at once, one comes too late, and lets go what it would
    /// have put there. Nothing is let go twice, or kept.
    #[test]
    fn race_of_two_walks_that_drop_the_same_links() -> Result {
        let mut left = Batch::new(|f: &Arc<Fences>| {
            (0..LENGTH - 1).all(|index| references(f.fence(index)) == references(f.fence(LENGTH)))
        });

        assert!(race(
            || {
                let chain = half_signalled()?;

                Ok((chain.clone(), chain))
            },
            |(f, tail)| {
                walk_and_signal(&f, &tail, 1);
                (f, tail)
            },
            |(f, tail)| walk_and_signal(&f, &tail, 3),
            |(f, tail), ()| {
                ensure!(length(&tail) == 1 && references(&tail) == 1);
                ensure!(tail.as_chain().is_some_and(|link| link.prev().is_none()));
                left.add(f)
            },
        )
        .is_ok());
        assert!(left.settle().is_ok());
        Ok(())
    }
}
