// SPDX-License-Identifier: GPL-2.0

//! Arrays: how they are built, and when they signal.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_array)]
mod tests {
    use super::*;
    use dma_buf::array::FenceArrayAllocation;

    /// The documented limit.
    const MAX_ARRAY_FENCES: usize = 65_280;

    #[test]
    fn empty_is_an_error() -> Result {
        assert_eq!(FenceArray::create(KVec::new()).map(|_| ()), Err(EINVAL));
        assert_eq!(FenceArrayAllocation::new(0).map(|_| ()), Err(EINVAL));
        assert_eq!(
            FenceArrayAllocation::new(4)?.build().map(|_| ()),
            Err(EINVAL)
        );
        Ok(())
    }

    #[test]
    fn one_fence_is_given_back() -> Result {
        let f = Fences::new(1)?;
        let mut memory = FenceArrayAllocation::new(4)?;

        assert!(memory.push(f.leaf(0)).is_ok());
        for flat in [f.array()?, memory.build()?] {
            assert!(is_same(&flat, f.fence(0)));
            assert!(!flat.is_array());
        }
        Ok(())
    }

    #[test]
    fn members_are_kept_in_order() -> Result {
        let f = Fences::new(3)?;
        let both = f.array()?;
        let Some(array) = both.as_array() else {
            return Err(EINVAL);
        };

        assert_eq!(array.len(), 3);
        assert_eq!(array.fences().len(), 3);
        for (index, fence) in array.fences().iter().enumerate() {
            assert!(is_same(fence, f.fence(index)));
            assert!(fence.context() != array.context());
        }
        // Each array has a context of its own.
        assert!(f.array()?.context() != array.context());
        Ok(())
    }

    #[test]
    fn memory_allocated_before_holds_so_many() -> Result {
        let f = Fences::new(3)?;
        let mut memory = FenceArrayAllocation::new(2)?;

        assert!(memory.push(f.leaf(0)).is_ok() && memory.push(f.leaf(1)).is_ok());
        let refused = memory.push(f.leaf(2));
        assert!(refused.is_err_and(|leaf| is_same(&leaf, f.fence(2))));

        // An allocation that may sleep would be reported.
        let guard = local_interrupt_disable();
        let built = memory.build();
        drop(guard);
        let built = built?;
        assert!(built.as_array().is_some_and(|array| array.len() == 2));
        assert!(is_silent());
        Ok(())
    }

    #[test]
    fn memory_that_is_not_used_keeps_nothing() -> Result {
        let f = Fences::new(2)?;
        let before = references(f.fence(0));
        let mut memory = FenceArrayAllocation::new(2)?;

        assert!(memory.push(f.leaf(0)).is_ok());
        assert_eq!(references(f.fence(0)), before + 1);
        drop(memory);
        assert_eq!(references(f.fence(0)), before);
        Ok(())
    }

    #[test]
    fn too_many_are_refused() -> Result {
        let mut many = KVec::with_capacity(MAX_ARRAY_FENCES + 1, GFP_KERNEL)?;
        let before = references(&Fence::stub());

        for _ in 0..=MAX_ARRAY_FENCES {
            many.push(Leaf::stub(), GFP_KERNEL)?;
        }
        assert_eq!(FenceArray::create(many).map(|_| ()), Err(E2BIG));
        assert_eq!(
            FenceArrayAllocation::new(MAX_ARRAY_FENCES + 1).map(|_| ()),
            Err(E2BIG)
        );
        assert_eq!(
            FenceArrayAllocation::new(usize::MAX).map(|_| ()),
            Err(E2BIG)
        );

        let mut memory = FenceArrayAllocation::new(MAX_ARRAY_FENCES)?;
        for _ in 0..MAX_ARRAY_FENCES {
            assert!(memory.push(Leaf::stub()).is_ok());
        }
        let most = memory.build()?;
        assert!(most.is_signaled());
        drop(most);
        assert_eq!(references(&Fence::stub()), before);
        Ok(())
    }

    #[test]
    fn signals_when_all_members_have() -> Result {
        let f = Fences::new(3)?;
        let array = f.array()?;
        let seen = Counter::new()?;
        let mut callback = registration()?;

        assert!(callback
            .as_mut()
            .register(&array, Count(seen.clone()))
            .is_ok());
        for index in [2, 0] {
            f.signal(index);
            assert_eq!(
                array.wait_timeout(Delta::from_millis(1)),
                Err(WaitError::TimedOut)
            );
            assert_eq!(array.status(), FenceStatus::Pending);
        }
        assert_eq!(seen.get(), 0);
        f.signal(1);
        assert!(array.wait_timeout(long()).is_ok());
        assert!(eventually(|| seen.get() == 1));
        assert_eq!(array.status(), FenceStatus::Signaled);
        Ok(())
    }

    /// Nobody has asked for a signal, so nobody has told the array.
    #[test]
    fn asking_finds_that_all_have_signalled() -> Result {
        let f = Fences::new(2)?;
        let array = f.array()?;

        f.signal(0);
        assert!(!array.is_signaled());
        f.complete(1, Err(EIO));
        assert!(!array.test_signaled_flag());
        assert!(array.is_signaled());
        assert!(array.test_signaled_flag());
        // Nor has anybody noted the error.
        assert_eq!(array.status(), FenceStatus::Signaled);
        Ok(())
    }

    #[test]
    fn error_is_that_of_the_first_to_fail() -> Result {
        let f = Fences::new(3)?;
        let array = f.array()?;

        array.enable_signaling();
        f.signal(0);
        f.complete(2, Err(EIO));
        assert_eq!(array.error(), None);
        f.complete(1, Err(EBUSY));
        assert!(array.wait_timeout(long()).is_ok());
        assert_eq!(array.status(), FenceStatus::Error(EIO));
        Ok(())
    }

    /// Of those that had failed when somebody began to wait, it is the first one
    /// in the array.
    #[test]
    fn members_may_have_signalled_before() -> Result {
        let f = Fences::new(3)?;

        f.complete(2, Err(EIO));
        f.complete(1, Err(EBUSY));
        let some = f.array()?;
        some.enable_signaling();
        assert_eq!(some.status(), FenceStatus::Pending);
        f.signal(0);
        assert!(some.wait_timeout(long()).is_ok());
        assert_eq!(some.status(), FenceStatus::Error(EBUSY));

        let all = f.array()?;
        all.enable_signaling();
        assert!(all.test_signaled_flag());
        assert_eq!(all.error(), Some(EBUSY));
        Ok(())
    }

    #[test]
    fn waiting_and_deadline_reach_the_members() -> Result {
        let asked = Asked::new()?;
        let context = asked.context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let mut leaves = KVec::new();

        leaves.push(one.leaf(), GFP_KERNEL)?;
        leaves.push(two.leaf(), GFP_KERNEL)?;
        let array = FenceArray::create(leaves)?;
        array.set_deadline(Instant::now());
        assert_eq!((asked.deadline.get(), asked.enable.get()), (2, 0));
        array.enable_signaling();
        assert_eq!((asked.deadline.get(), asked.enable.get()), (2, 2));
        one.signal(Ok(()));
        two.signal(Ok(()));
        assert!(array.wait_timeout(long()).is_ok());
        Ok(())
    }

    #[test]
    fn context_matches_if_all_members_are_of_it() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let (_other, three) = fixture::fence()?;
        let array = |fences: &[ARef<Leaf>]| {
            let mut leaves = KVec::new();

            leaves.extend_from_slice(fences, GFP_KERNEL)?;
            FenceArray::create(leaves)
        };

        assert!(one.as_fence().match_context(context.context()));
        assert!(!three.as_fence().match_context(context.context()));
        let same = array(&[one.leaf(), two.leaf()])?;
        assert!(same.match_context(context.context()));
        // Its own does not count.
        assert!(!same.match_context(same.context()));
        assert!(!array(&[one.leaf(), three.leaf()])?.match_context(context.context()));
        for fence in [one, two, three] {
            fence.signal(Ok(()));
        }
        Ok(())
    }

    #[test]
    fn dropped_pending_it_lets_its_members_go() -> Result {
        let f = Fences::new(2)?;
        let before = references(f.fence(0));
        let array = f.array()?;

        assert_eq!(references(f.fence(0)), before + 1);
        drop(array);
        assert_eq!(references(f.fence(0)), before);

        // Waited for, it stays until its members have signalled.
        let array = f.array()?;
        array.enable_signaling();
        drop(array);
        assert_eq!(references(f.fence(0)), before + 1);
        f.signal(0);
        f.signal(1);
        // Their context has let them go, too.
        assert!(eventually(|| references(f.fence(0)) == before - 1));
        Ok(())
    }

    #[test]
    fn race_of_waiting_and_signalling() -> Result {
        assert!(race(
            || {
                let f = kernel::sync::Arc::new(Fences::new(2)?, GFP_KERNEL)?;

                Ok(((f.clone(), f.array()?), f))
            },
            |(f, array)| {
                array.enable_signaling();
                (f, array)
            },
            |f| {
                f.signal(0);
                f.complete(1, Err(EIO));
            },
            |(_f, array), ()| {
                ensure!(array.wait_timeout(long()).is_ok());
                ensure!(array.error() == Some(EIO));
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
