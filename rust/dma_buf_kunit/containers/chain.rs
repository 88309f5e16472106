// SPDX-License-Identifier: GPL-2.0

//! Chains: their links, and the points that these stand for.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_chain)]
mod tests {
    use super::*;
    use crate::fixture::raw::foreign;

    /// A link that begins a chain.
    fn first(fence: impl Into<UnwrappedFence>, point: u64) -> Result<ARef<FenceChain>> {
        Ok(FenceChainAllocation::new()?.append(None, fence, point))
    }

    /// One that comes after `prev`.
    fn link(
        prev: &Fence,
        fence: impl Into<UnwrappedFence>,
        point: u64,
    ) -> Result<ARef<FenceChain>> {
        Ok(FenceChainAllocation::new()?.append(Some(prev.into()), fence, point))
    }

    /// The number of what stands for a point: 0 if nothing does.
    fn find(tail: &Fence, point: u64) -> Result<u64> {
        Ok(tail.find_seqno(point)?.map_or(0, |found| found.seqno()))
    }

    #[test]
    fn first_link_begins_a_timeline() -> Result {
        let f = Fences::new(1)?;
        let link = first(f.leaf(0), 7)?;

        assert_eq!(link.seqno(), 7);
        assert!(link.prev().is_none());
        assert!(is_same(link.contained(), f.fence(0)));
        assert!(link.context() != f.fence(0).context());
        Ok(())
    }

    /// That it goes, kmemleak says.
    #[test]
    fn memory_that_is_not_used_goes() -> Result {
        let f = Fences::new(1)?;
        let mut unused = KVec::new();

        for _ in 0..64 {
            unused.push(FenceChainAllocation::new()?, GFP_KERNEL)?;
        }
        // One is used, and the others still are not.
        let used = unused.pop().ok_or(EINVAL)?.append(None, f.leaf(0), 1);
        drop(unused);
        assert_eq!((references(&used), used.seqno()), (1, 1));
        Ok(())
    }

    /// As `drm_syncobj_add_point()` uses it: the C side makes the link.
    #[test]
    fn memory_goes_to_the_c_side_and_back() -> Result {
        let f = Fences::new(1)?;
        let memory = FenceChainAllocation::new()?;
        let raw = memory.into_raw();

        // SAFETY: It was just given up, and nothing is in it.
        let memory = unsafe { FenceChainAllocation::from_raw(raw) };
        let link = memory.append(None, f.leaf(0), 3);
        assert!(core::ptr::eq(link.as_raw().cast(), raw));
        assert_eq!((references(&link), link.seqno()), (1, 3));
        Ok(())
    }

    /// An array as the tail of a foreign timeline, a plain fence as that of one of
    /// a driver that has no chains: either is waited for, but is no point.
    #[test]
    fn link_comes_after_whatever_the_tail_is() -> Result {
        let f = Fences::new(4)?;
        let (theirs, signal) = foreign(1, 99)?;
        let mut leaves = f.leaves()?;
        leaves.truncate(2);
        let array = FenceArray::create(leaves)?;

        for tail in [theirs.clone(), array.clone().into_fence()] {
            let after = link(&tail, f.leaf(2), 5)?;

            assert_eq!(after.seqno(), 5);
            assert!(after.context() != tail.context());
            assert!(after.prev().is_some_and(|prev| is_same(&prev, &tail)));
            let next = link(&after, f.leaf(3), 6)?;
            assert_eq!(next.seqno(), 6);
            assert_eq!(next.context(), after.context());
        }
        let last = link(&theirs, f.leaf(2), 1)?;
        f.signal(2);
        assert!(!last.is_signaled());
        signal();
        assert!(last.is_signaled());

        let last = link(&array, f.leaf(2), 1)?;
        assert_eq!(
            last.wait_timeout(Delta::from_millis(1)),
            Err(WaitError::TimedOut)
        );
        f.signal(0);
        f.signal(1);
        assert!(last.wait_timeout(long()).is_ok());
        Ok(())
    }

    #[test]
    fn number_that_does_not_rise_begins_another_timeline() -> Result {
        let f = Fences::new(4)?;
        let nine = first(f.leaf(0), 9)?;

        for point in [9, 3, 0] {
            let after = link(&nine, f.leaf(1), point)?;

            // Not lower than before, so that nobody finds less than he waits for.
            assert_eq!(after.seqno(), 9);
            assert!(after.context() != nine.context());
            assert!(after.prev().is_some_and(|prev| is_same(&prev, &nine)));
            f.signal(1);
            assert!(!after.is_signaled());
            // What came before is the link's own point, or another's.
            assert!(after
                .find_seqno(2)?
                .is_some_and(|found| is_same(&found, &after)));
        }
        Ok(())
    }

    #[test]
    fn numbers_have_64_bits() -> Result {
        let f = Fences::new(3)?;
        let low = first(f.leaf(0), 0xffff_fff0)?;
        // In 32 bits, this would come before.
        let high = link(&low, f.leaf(1), 0x1_8000_0000)?;
        let most = link(&high, f.leaf(2), u64::MAX)?;

        assert_eq!(high.context(), low.context());
        assert_eq!(most.context(), low.context());
        assert_eq!(find(&most, 0x1_0000_0000), Ok(0x1_8000_0000));
        assert_eq!(find(&most, u64::MAX), Ok(u64::MAX));
        assert_eq!(find(&high, u64::MAX), Err(EINVAL));
        Ok(())
    }

    #[test]
    fn contained_fence_may_be_an_array() -> Result {
        let f = Fences::new(3)?;
        let chain = link(f.fence(2), f.array()?, 1)?;

        assert!(chain.contained().is_array());
        assert!(has_leaves(
            &chain,
            &[f.fence(0), f.fence(1), f.fence(2), f.fence(2)]
        ));
        chain.enable_signaling();
        for index in [1, 2, 0] {
            assert!(!chain.test_signaled_flag());
            f.signal(index);
        }
        assert!(chain.wait_timeout(long()).is_ok());
        Ok(())
    }

    #[test]
    fn point_of_the_future_or_of_no_timeline_is_an_error() -> Result {
        let chain = Chain::new(3, |index| 10 * (index + 1))?;
        let array = chain.fences.array()?;

        for (tail, point) in [
            (chain.tail(), 31),
            (chain.tail(), u64::MAX),
            (chain.fences.fence(0), 1),
            (&*array, 1),
            (&*Fence::stub(), 1),
        ] {
            let before = references(tail);

            assert_eq!(find(tail, point), Err(EINVAL));
            assert_eq!(references(tail), before);
        }
        Ok(())
    }

    #[test]
    fn point_zero_is_the_tail() -> Result {
        let chain = Chain::new(3, |index| index + 1)?;
        let array = chain.fences.array()?;

        for tail in [chain.tail(), chain.fences.fence(0), &*array] {
            assert!(tail
                .find_seqno(0)?
                .is_some_and(|found| is_same(&found, tail)));
        }
        Ok(())
    }

    #[test]
    fn point_in_a_gap_is_the_link_after_it() -> Result {
        let chain = Chain::new(3, |index| 10 * (index + 1))?;

        for (point, stands) in [(1, 10), (10, 10), (11, 20), (20, 20), (21, 30), (30, 30)] {
            assert_eq!(find(chain.tail(), point), Ok(stands));
        }
        Ok(())
    }

    #[test]
    fn signalled_point_is_what_is_left() -> Result {
        let chain = Chain::new(4, |index| index + 1)?;
        let find = |point| find(chain.tail(), point);

        // What is pending before the point stands for it, ...
        chain.fences.signal(2);
        assert_eq!((find(3), find(2)), (Ok(2), Ok(2)));
        chain.fences.signal(1);
        assert_eq!((find(3), find(2), find(1)), (Ok(1), Ok(1), Ok(1)));
        // ... and nothing, if nothing is. The tail is never left out.
        chain.fences.signal(0);
        for point in 1..=3 {
            assert_eq!(find(point), Ok(0));
        }
        assert_eq!(find(4), Ok(4));
        chain.fences.signal(3);
        assert_eq!((find(3), find(4)), (Ok(0), Ok(4)));
        Ok(())
    }

    #[test]
    fn what_the_chain_began_with_is_left_over() -> Result {
        let f = Fences::new(3)?;
        let five = link(f.fence(0), f.leaf(1), 5)?;
        let nine = link(&five, f.leaf(2), 9)?;

        assert_eq!(find(&nine, 3), Ok(5));
        f.signal(1);
        assert!(nine
            .find_seqno(3)?
            .is_some_and(|found| is_same(&found, f.fence(0))));
        f.signal(0);
        assert!(nine.find_seqno(3)?.is_none());
        Ok(())
    }
}
