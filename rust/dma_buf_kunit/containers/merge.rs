// SPDX-License-Identifier: GPL-2.0

//! Merging, and leaving out what another fence stands for.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_merge)]
mod tests {
    use super::*;
    use crate::fixture::raw::foreign;

    /// The documented limit.
    const MAX_MERGE: usize = 65_280;

    #[test]
    fn nothing_is_a_fence_that_has_signalled() -> Result {
        let nothing = unwrap_merge([])?;

        assert_eq!(nothing.status(), FenceStatus::Signaled);
        assert!(nothing.as_leaf().is_some());
        Ok(())
    }

    #[test]
    fn all_signalled_is_a_fence_that_signalled_with_the_last() -> Result {
        let start = Instant::now();
        let at = |ms| start + Delta::from_millis(ms);
        let (one, two, three) = (fixture::fence()?, fixture::fence()?, fixture::fence()?);
        let fences = [one.1.fence(), two.1.fence(), three.1.fence()];
        let chain = FenceChainAllocation::new()?.append(Some(fences[0].clone()), two.1.leaf(), 1);

        one.1.signal_timestamp(Ok(()), at(-20));
        two.1.signal_timestamp(Err(EIO), at(-10));
        three.1.signal_timestamp(Ok(()), at(-30));
        let failed_last = [
            &*fences[0],
            &fences[1],
            &fences[2],
            &*Fence::signaled_at(at(-40))?,
        ];
        for merged in [
            unwrap_merge(failed_last)?,
            unwrap_merge([&**chain, &*fences[2]])?,
        ] {
            // An error is left out with its fence.
            assert_eq!(merged.status(), FenceStatus::Signaled);
            assert!(merged.as_leaf().is_some());
            assert!(merged
                .timestamp()
                .is_some_and(|time| (time - at(-10)).is_zero()));
        }
        Ok(())
    }

    /// Without an error it is that fence itself, and takes no memory.
    #[test]
    fn all_signalled_is_the_last_if_that_has_not_failed() -> Result {
        let f = Fences::new(3)?;
        let all = [f.fence(0), f.fence(1), f.fence(2)];

        f.complete(0, Err(EIO));
        f.signal(2);
        let before = references(f.fence(1));
        f.signal(1);
        assert!(is_same(&*unwrap_merge(all)?, f.fence(1)));
        // Its context has let it go.
        assert!(eventually(|| references(f.fence(1)) == before - 1));
        Ok(())
    }

    #[test]
    fn signalled_are_left_out() -> Result {
        let f = Fences::new(3)?;
        let all = [f.fence(0), f.fence(1), f.fence(2)];

        f.signal(1);
        assert!(has_leaves(&*unwrap_merge(all)?, &[f.fence(0), f.fence(2)]));
        f.signal(2);
        // The one that is left is itself.
        let before = references(f.fence(0));
        let one = unwrap_merge(all)?;
        assert!(is_same(&one, f.fence(0)));
        assert_eq!(references(f.fence(0)), before + 1);
        Ok(())
    }

    #[test]
    fn of_each_context_the_latest_is_left() -> Result {
        let (low, high) = (fixture::context()?, fixture::context()?);
        let (a, b, c) = (next(&low)?, next(&low)?, next(&low)?);
        let (d, e) = (next(&high)?, next(&high)?);
        let [a, b, c, d, e] = [a, b, c, d, e].map(|driver| (driver.fence(), driver));
        let merged = unwrap_merge([&*e.0, &b.0, &c.0, &d.0, &a.0, &c.0])?;

        assert!(has_leaves(&merged, &[&c.0, &e.0]));
        for (_, driver) in [a, b, c, d, e] {
            assert!(!merged.is_signaled());
            driver.signal(Ok(()));
        }
        assert!(merged.is_signaled());
        Ok(())
    }

    #[test]
    fn leaves_are_sorted_by_context() -> Result {
        let f = Fences::new(64)?;
        let mut random = Random(7);
        let mut shuffled = KVec::new();
        let mut sorted = KVec::new();

        for index in 0..64 {
            shuffled.push(f.fence(index), GFP_KERNEL)?;
            sorted.push(f.fence(index), GFP_KERNEL)?;
        }
        for last in (1..64).rev() {
            shuffled.swap(last, random.below(last + 1));
        }
        assert!(has_leaves(&*unwrap_merge(shuffled)?, &sorted));
        Ok(())
    }

    #[test]
    fn merged_are_merged_without_nesting() -> Result {
        let f = Fences::new(4)?;
        let one = unwrap_merge([f.fence(0), f.fence(1)])?;
        let two = FenceChainAllocation::new()?.append(Some(f.fence(3).into()), one.clone(), 1);
        let three = unwrap_merge([&**two, f.fence(2), &one])?;

        assert!(has_leaves(
            &three,
            &[0, 1, 2, 3].map(|index| f.fence(index))
        ));
        assert!(three
            .as_array()
            .is_some_and(|array| array.fences().iter().all(|fence| !fence.is_container())));
        for index in 0..4 {
            f.signal(index);
        }
        assert!(three.wait_timeout(long()).is_ok());
        Ok(())
    }

    #[test]
    fn any_number_of_duplicates_will_do() -> Result {
        let f = Fences::new(2)?;
        let mut many = KVVec::new();

        for index in 0..3 * MAX_MERGE {
            many.push(f.fence(index % 2), GFP_KERNEL)?;
        }
        let before = references(f.fence(0));
        let both = unwrap_merge(many)?;
        assert!(has_leaves(&both, &[f.fence(0), f.fence(1)]));
        assert_eq!(references(f.fence(0)), before + 1);
        Ok(())
    }

    #[test]
    fn contexts_have_a_bound() -> Result {
        let mut fences = KVVec::new();

        for context in 0..=MAX_MERGE {
            fences.push(foreign(context as u64, 1)?.0, GFP_KERNEL)?;
        }
        let mut all = KVVec::new();
        for fence in &fences {
            all.push(&**fence, GFP_KERNEL)?;
        }
        assert_eq!(unwrap_merge(all.iter().copied()).map(|_| ()), Err(E2BIG));
        assert_eq!(references(&fences[0]), 1);
        let mut random = Random(5);
        for last in (2..all.len()).rev() {
            all.swap(last, 1 + random.below(last));
        }
        let most = unwrap_merge(all[1..].iter().copied())?;
        let Some(array) = most.as_array() else {
            return Err(EINVAL);
        };
        assert_eq!(array.len(), MAX_MERGE);
        assert!(array.fences().is_sorted_by_key(|fence| fence.context()));
        Ok(())
    }

    #[test]
    fn numbers_of_32_bits_wrap_round() -> Result {
        let (low, _) = foreign(7, 0xffff_fff0)?;
        let (high, _) = foreign(7, 5)?;

        for all in [[&*low, &*high], [&*high, &*low]] {
            assert!(is_same(&*unwrap_merge(all)?, &high));
        }
        Ok(())
    }

    /// Three fences, each of which comes after another: no order, which sorting must
    /// get along with.
    #[test]
    fn numbers_without_an_order_end() -> Result {
        let mut fences = KVec::new();
        let mut random = Random(3);

        for step in 0..128u64 {
            let seqno = [0, 0x6000_0000, 0xc000_0000][step as usize % 3] + step;

            fences.push(foreign(7 + step % 2, seqno)?.0, GFP_KERNEL)?;
        }
        for _ in 0..64 {
            let mut all = KVec::new();

            for _ in 0..128 {
                all.push(&*fences[random.below(128)], GFP_KERNEL)?;
            }
            let merged = unwrap_merge(all)?;
            assert!(merged.as_array().is_some_and(|array| array.len() == 2));
        }
        Ok(())
    }

    #[test]
    fn dedup_keeps_the_latest_and_sorts() -> Result {
        let (low, high) = (fixture::context()?, fixture::context()?);
        let (a, b) = (next(&low)?, next(&low)?);
        let (c, d) = (next(&high)?, next(&high)?);
        let before = references(a.as_fence());
        let mut fences = KVec::<ARef<Leaf>>::new();

        dedup_array(&mut fences);
        assert!(fences.is_empty());
        fences.push(d.leaf(), GFP_KERNEL)?;
        dedup_array(&mut fences);
        assert_eq!(fences.len(), 1);
        // Signalled or not.
        a.signal(Ok(()));
        for fence in [&c, &b, &d, &b] {
            fences.push(fence.leaf(), GFP_KERNEL)?;
        }
        dedup_array(&mut fences);
        assert_eq!(fences.len(), 2);
        assert!(is_same(&fences[0], b.as_fence()) && is_same(&fences[1], d.as_fence()));
        drop(fences);
        assert_eq!(references(b.as_fence()), before);
        for fence in [b, c, d] {
            fence.signal(Ok(()));
        }
        Ok(())
    }

    #[test]
    fn race_of_merging_and_signalling() -> Result {
        assert!(race(
            || {
                let f = Arc::new(Fences::new(3)?, GFP_KERNEL)?;

                Ok((f.clone(), f))
            },
            |f| {
                let merged = unwrap_merge([f.fence(0), f.fence(1), f.fence(2)]);

                (f, merged)
            },
            |f| {
                for index in [2, 0, 1] {
                    f.signal(index);
                }
            },
            |(f, merged), ()| {
                let merged = merged?;
                let mut leaves = merged.leaves();

                while let Some(leaf) = leaves.next()? {
                    let is_ours = (0..3).any(|index| is_same(leaf, f.fence(index)));

                    // A fence of its own if all had signalled.
                    ensure!(is_ours || is_same(leaf, &merged));
                }
                ensure!(merged.wait_timeout(long()).is_ok());
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
