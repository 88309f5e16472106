// SPDX-License-Identifier: GPL-2.0

//! Flattening: the leaves of a fence, and a fence that is flat. What only a
//! foreign driver can nest is tried by the suite `nested`.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_leaves)]
mod tests {
    use super::*;
    use crate::fixture::raw::foreign;

    fn link(
        prev: Option<ARef<Fence>>,
        fence: impl Into<UnwrappedFence>,
        point: u64,
    ) -> Result<ARef<Fence>> {
        let link = FenceChainAllocation::new()?.append(prev, fence, point);

        Ok(FenceChain::into_fence(link))
    }

    /// An array of two of the fences.
    fn pair(f: &Fences, index: usize) -> Result<UnwrappedFence> {
        let mut leaves = KVec::new();

        leaves.push(f.leaf(index), GFP_KERNEL)?;
        leaves.push(f.leaf(index + 1), GFP_KERNEL)?;
        FenceArray::create(leaves)
    }

    #[test]
    fn leaf_has_itself() -> Result {
        let f = Fences::new(1)?;
        let (theirs, signal) = foreign(1, 1)?;

        for fence in [f.fence(0), &theirs, &Fence::stub()] {
            assert!(has_leaves(fence, &[fence]));
        }
        signal();
        // Signalled or not.
        assert!(has_leaves(&theirs, &[&theirs]));
        Ok(())
    }

    #[test]
    fn array_has_its_members_in_order() -> Result {
        let f = Fences::new(3)?;
        let array = f.array()?;
        let all = [f.fence(0), f.fence(1), f.fence(2)];

        assert!(has_leaves(&array, &all));
        f.signal(1);
        assert!(has_leaves(&array, &all));
        Ok(())
    }

    #[test]
    fn chain_has_those_of_its_links_from_the_newest() -> Result {
        let f = Fences::new(6)?;
        // It begins with an array; then an array, a leaf, and an array.
        let oldest = link(Some(pair(&f, 4)?.into_fence()), f.leaf(3), 1)?;
        let middle = link(Some(oldest), f.leaf(2), 2)?;
        let newest = link(Some(middle), pair(&f, 0)?, 3)?;

        assert!(has_leaves(
            &newest,
            &[0, 1, 2, 3, 4, 5].map(|index| f.fence(index))
        ));
        // A link that has signalled is left out, and so is what the chain began
        // with; an array is whole.
        f.signal(2);
        assert!(has_leaves(
            &newest,
            &[0, 1, 3, 4, 5].map(|index| f.fence(index))
        ));
        f.signal(4);
        assert!(has_leaves(
            &newest,
            &[0, 1, 3, 4, 5].map(|index| f.fence(index))
        ));
        f.signal(5);
        assert!(has_leaves(&newest, &[0, 1, 3].map(|index| f.fence(index))));
        // Not so the newest link.
        for index in [0, 1, 3] {
            f.signal(index);
        }
        assert!(has_leaves(&newest, &[f.fence(0), f.fence(1)]));
        Ok(())
    }

    #[test]
    fn leaf_that_is_there_twice_comes_twice() -> Result {
        let f = Fences::new(2)?;
        let first = link(None, pair(&f, 0)?, 1)?;
        let second = link(Some(first), f.leaf(1), 2)?;

        assert!(has_leaves(&second, &[f.fence(1), f.fence(0), f.fence(1)]));
        Ok(())
    }

    #[test]
    fn end_is_the_end() -> Result {
        let f = Fences::new(2)?;
        let array = f.array()?;
        let mut leaves = array.leaves();

        assert!(leaves.next()?.is_some() && leaves.next()?.is_some());
        for _ in 0..3 {
            assert!(leaves.next()?.is_none());
        }
        Ok(())
    }

    /// The bound is for what no driver may nest.
    #[test]
    fn where_all_is_as_it_should_be_any_number_will_do() -> Result {
        const EACH: usize = 1024;
        const MAX_NESTED: usize = 262_144;
        let f = Fences::new(1)?;
        let mut same = KVec::new();

        for _ in 0..EACH {
            same.push(f.leaf(0), GFP_KERNEL)?;
        }
        let array = FenceArray::create(same)?;
        let mut tail = None;
        for point in 0..=MAX_NESTED / EACH {
            tail = Some(link(tail.take(), array.clone(), point as u64 + 1)?);
        }
        let tail = tail.ok_or(EINVAL)?;
        let mut leaves = tail.leaves();
        let mut visited = 0;

        while leaves.next()?.is_some() {
            visited += 1;
        }
        assert_eq!(visited, MAX_NESTED + EACH);
        Ok(())
    }

    /// Only the walk still has a reference to the link that it is at, and to the array in it.
    #[test]
    fn walk_keeps_what_it_is_in() -> Result {
        let f = Fences::new(3)?;
        let first = link(None, pair(&f, 0)?, 1)?;
        let second = link(Some(first), f.leaf(2), 2)?;
        let free = references(f.fence(1)) - 1;
        let mut leaves = second.leaves();

        assert!(leaves.next()?.is_some_and(|leaf| is_same(leaf, f.fence(2))));
        assert!(leaves.next()?.is_some_and(|leaf| is_same(leaf, f.fence(0))));
        for index in 0..3 {
            f.signal(index);
        }
        // Another one looks.
        assert!(second.find_seqno(1)?.is_none());
        drop(second);
        rcu::rcu_barrier();
        assert!(leaves.next()?.is_some_and(|leaf| is_same(leaf, f.fence(1))));
        assert!(leaves.next()?.is_none());
        drop(leaves);
        assert!(references(f.fence(1)) <= free);
        Ok(())
    }

    #[test]
    fn walk_that_is_given_up_keeps_nothing() -> Result {
        let f = Fences::new(4)?;
        let first = link(None, pair(&f, 0)?, 1)?;
        let second = link(Some(first.clone()), pair(&f, 2)?, 2)?;
        let before = [references(&first), references(&second)];

        for visited in 0..5 {
            let mut leaves = second.leaves();

            for _ in 0..visited {
                leaves.next()?;
            }
            drop(leaves);
            assert_eq!([references(&first), references(&second)], before);
        }
        Ok(())
    }

    #[test]
    fn what_is_flat_stays_itself() -> Result {
        let f = Fences::new(2)?;
        let array = f.array()?;

        for fence in [f.fence(0), &array, &Fence::stub()] {
            assert!(is_same(&*fence.to_unwrapped()?, fence));
        }
        Ok(())
    }

    #[test]
    fn chain_is_made_flat() -> Result {
        let f = Fences::new(4)?;
        let first = link(None, pair(&f, 0)?, 1)?;
        let second = link(Some(first), pair(&f, 2)?, 2)?;
        let flat = second.to_unwrapped()?;

        assert!(flat.is_array());
        assert!(has_leaves(&flat, &[0, 1, 2, 3].map(|index| f.fence(index))));
        // It goes into a link, and that again.
        let again = link(Some(second), flat, 3)?.to_unwrapped()?;
        assert!(has_leaves(
            &again,
            &[0, 1, 2, 3].map(|index| f.fence(index))
        ));
        // One pending leaf needs no array, and none is a fence that has signalled.
        let chain = link(None, pair(&f, 2)?, 1)?;
        f.signal(2);
        assert!(is_same(&*chain.to_unwrapped()?, f.fence(3)));
        f.signal(3);
        let flat = chain.to_unwrapped()?;
        assert!(flat.as_leaf().is_some() && flat.test_signaled_flag());

        for index in [0, 1] {
            f.signal(index);
        }
        assert!(again.wait_timeout(long()).is_ok());
        drop(fence(&again));
        Ok(())
    }
}
