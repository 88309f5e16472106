// SPDX-License-Identifier: GPL-2.0

//! Fences that are replaced and copied, and containers that should not be there.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_lists)]
mod tests {
    use super::*;

    #[test]
    fn fences_of_a_context_are_replaced_and_counted() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let f = Fences::new(2)?;
        let new = f.leaf(1);
        let number = context.context();
        let mut guard = ResvGuard::lock(object()?);

        assert_eq!(guard.replace_fences(number, &new, ResvUsage::Kernel), Ok(0));
        assert!(holds(&guard, &[]));
        // The later one first, so that both are there.
        add(&mut guard, &two.leaf(), ResvUsage::Bookkeep)?;
        add(&mut guard, &f.leaf(0), ResvUsage::Read)?;
        add(&mut guard, &one.leaf(), ResvUsage::Bookkeep)?;
        assert_eq!(
            guard.replace_fences(number + 1000, &new, ResvUsage::Kernel),
            Ok(0)
        );
        assert_eq!(guard.fences(ResvUsage::Bookkeep).count(), 3);

        let before = (references(one.as_fence()), references(&new));
        assert_eq!(
            guard.replace_fences(number, &new, ResvUsage::Bookkeep),
            Ok(2)
        );
        assert!(holds(
            &guard,
            &[
                (&new, ResvUsage::Bookkeep),
                (f.fence(0), ResvUsage::Read),
                (&new, ResvUsage::Bookkeep)
            ]
        ));
        assert_eq!(references(one.as_fence()), before.0 - 1);
        assert_eq!(references(&new), before.1 + 2);
        // The new fence has two entries. It can be replaced in turn, also by itself.
        assert_eq!(
            guard.replace_fences(new.context(), &new, ResvUsage::Read),
            Ok(2)
        );
        assert_eq!(references(&new), before.1 + 2);
        assert_eq!(guard.fences(ResvUsage::Read).count(), 3);
        context.signal_up_to(2);
        Ok(())
    }

    #[test]
    fn replacing_by_a_usage_that_fewer_wait_for_is_refused() -> Result {
        for old in ResvUsage::ALL {
            for new in ResvUsage::ALL {
                let f = Fences::new(2)?;
                let context = f.fence(0).context();
                let mut guard = ResvGuard::lock(object()?);

                add(&mut guard, &f.leaf(0), old)?;
                let replaced = guard.replace_fences(context, &f.leaf(1), new);
                if new <= old {
                    assert_eq!(replaced, Ok(1));
                    assert!(holds(&guard, &[(f.fence(1), new)]));
                } else {
                    assert_eq!(replaced, Err(EINVAL));
                    assert!(holds(&guard, &[(f.fence(0), old)]));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn one_fence_that_must_stay_keeps_all() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let f = Fences::new(1)?;
        let mut guard = ResvGuard::lock(object()?);

        add(&mut guard, &one.leaf(), ResvUsage::Write)?;
        add(&mut guard, &two.leaf(), ResvUsage::Bookkeep)?;
        assert_eq!(
            guard.replace_fences(context.context(), &f.leaf(0), ResvUsage::Read),
            Err(EINVAL)
        );
        assert!(holds(
            &guard,
            &[
                (one.as_fence(), ResvUsage::Write),
                (two.as_fence(), ResvUsage::Bookkeep)
            ]
        ));
        context.signal_up_to(2);
        Ok(())
    }

    #[test]
    fn copy_adds_what_is_pending_to_what_is_there() -> Result {
        let f = Fences::new(5)?;
        let (from, to) = (object()?, object()?);
        let mut guard = ResvGuard::lock(from.clone());

        for (i, usage) in ResvUsage::ALL.into_iter().enumerate() {
            add(&mut guard, &f.leaf(i), usage)?;
        }
        drop(guard);
        f.signal(1);

        let mut guard = ResvGuard::lock(to);
        add(&mut guard, &f.leaf(4), ResvUsage::Write)?;
        let expected = [
            (f.fence(4), ResvUsage::Write),
            (f.fence(0), ResvUsage::Kernel),
            (f.fence(2), ResvUsage::Read),
            (f.fence(3), ResvUsage::Bookkeep),
        ];
        // A second copy changes nothing.
        for _ in 0..2 {
            guard.add_fences_from(&from)?;
            assert!(holds(&guard, &expected));
        }
        assert!(from.test_signaled(ResvUsage::Write) == from.test_signaled(ResvUsage::Kernel));
        Ok(())
    }

    /// In C, the fences that were there are gone, and readers without the lock never end.
    #[test]
    fn copy_of_nothing_changes_nothing() -> Result {
        let f = Fences::new(2)?;
        let (empty, done) = (object()?, object()?);
        let mut guard = ResvGuard::lock(done.clone());

        add(&mut guard, &f.leaf(0), ResvUsage::Kernel)?;
        f.signal(0);
        drop(guard);

        let mut guard = ResvGuard::lock(object()?);
        for filled in [false, true] {
            if filled {
                add(&mut guard, &f.leaf(1), ResvUsage::Read)?;
            }
            for from in [&empty, &done] {
                guard.add_fences_from(from)?;
                assert_eq!(
                    guard.fences(ResvUsage::Bookkeep).count(),
                    usize::from(filled)
                );
            }
        }
        assert!(holds(&guard, &[(f.fence(1), ResvUsage::Read)]));
        Ok(())
    }

    #[test]
    fn copy_of_itself_changes_nothing() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let f = Fences::new(1)?;
        let resv = object()?;
        let mut guard = ResvGuard::lock(resv.clone());

        add(&mut guard, &two.leaf(), ResvUsage::Bookkeep)?;
        add(&mut guard, &one.leaf(), ResvUsage::Kernel)?;
        add(&mut guard, &f.leaf(0), ResvUsage::Write)?;
        guard.add_fences_from(&resv)?;
        assert!(holds(
            &guard,
            &[
                (two.as_fence(), ResvUsage::Bookkeep),
                (one.as_fence(), ResvUsage::Kernel),
                (f.fence(0), ResvUsage::Write)
            ]
        ));
        context.signal_up_to(2);
        Ok(())
    }

    #[test]
    fn copy_keeps_the_order_that_a_context_has() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let (earlier, later) = (object()?, object()?);

        add(
            &mut ResvGuard::lock(earlier.clone()),
            &one.leaf(),
            ResvUsage::Write,
        )?;
        add(
            &mut ResvGuard::lock(later.clone()),
            &two.leaf(),
            ResvUsage::Write,
        )?;

        let mut guard = ResvGuard::lock(object()?);
        guard.add_fences_from(&earlier)?;
        guard.add_fences_from(&later)?;
        assert!(holds(&guard, &[(two.as_fence(), ResvUsage::Write)]));
        // The copied fence is earlier than the one that is there: both stay.
        guard.add_fences_from(&earlier)?;
        assert!(!guard.test_signaled(ResvUsage::Write));
        context.signal_up_to(1);
        assert!(!guard.test_signaled(ResvUsage::Write));
        context.signal_up_to(2);
        assert!(guard.test_signaled(ResvUsage::Write));
        Ok(())
    }

    /// Puts a fence of any kind into a locked object, as a careless C driver can.
    fn put_in(guard: &mut ResvGuard<Arc<Resv>>, fence: &Fence, usage: ResvUsage) -> Result {
        let place = Fences::new(1)?;

        add(guard, &place.leaf(0), ResvUsage::Bookkeep)?;
        // SAFETY: The lock is held, and there are no slots. The fence is valid. The function does
        // not look whether it is a container.
        unsafe {
            bindings::dma_resv_replace_fences(
                guard.as_raw(),
                place.fence(0).context(),
                fence.as_raw(),
                usage as u32,
            )
        };
        Ok(())
    }

    #[test]
    fn container_that_a_foreign_driver_added_is_copied_by_its_leaves() -> Result {
        let f = Fences::new(5)?;
        let pair = {
            let mut leaves = KVec::new();
            leaves.push(f.leaf(0), GFP_KERNEL)?;
            leaves.push(f.leaf(1), GFP_KERNEL)?;
            FenceArray::create(leaves)?
        };
        let link = FenceChainAllocation::new()?.append(None, f.leaf(2), 1);
        let link = FenceChainAllocation::new()?.append(Some(fence(&link)), f.leaf(3), 2);
        let from = object()?;
        let mut guard = ResvGuard::lock(from.clone());

        add(&mut guard, &f.leaf(4), ResvUsage::Write)?;
        put_in(&mut guard, &pair, ResvUsage::Kernel)?;
        put_in(&mut guard, &link, ResvUsage::Read)?;
        assert_eq!(guard.fences(ResvUsage::Bookkeep).count(), 3);
        drop(guard);

        let mut guard = ResvGuard::lock(object()?);
        guard.add_fences_from(&from)?;
        // Of a chain, the newest link comes first.
        assert!(holds(
            &guard,
            &[
                (f.fence(4), ResvUsage::Write),
                (f.fence(0), ResvUsage::Kernel),
                (f.fence(1), ResvUsage::Kernel),
                (f.fence(3), ResvUsage::Read),
                (f.fence(2), ResvUsage::Read)
            ]
        ));
        drop(guard);

        // Queries return the container itself.
        let fences = from.get_fences(ResvUsage::Read)?;
        assert_eq!(fences.len(), 3);
        assert!(is_same(&fences[1], &pair) && is_same(&fences[2], &link));
        let all = from.get_singleton(ResvUsage::Read)?.ok_or(ENOENT)?;
        assert_eq!(all.leaf_count(), 5);
        let kernel = from.get_singleton(ResvUsage::Kernel)?.ok_or(ENOENT)?;
        assert!(has_leaves(&kernel, &[f.fence(0), f.fence(1)]));
        Ok(())
    }

    #[test]
    fn copy_of_too_many_leaves_changes_nothing() -> Result {
        let f = Fences::new(1)?;
        let mut leaves = KVec::new();

        for _ in 0..=4096 {
            leaves.push(f.leaf(0), GFP_KERNEL)?;
        }
        let from = object()?;
        put_in(
            &mut ResvGuard::lock(from.clone()),
            &*FenceArray::create(leaves)?,
            ResvUsage::Read,
        )?;
        let mut guard = ResvGuard::lock(object()?);

        assert_eq!(guard.add_fences_from(&from), Err(E2BIG));
        assert!(holds(&guard, &[]));
        f.signal(0);
        assert_eq!(guard.add_fences_from(&from), Ok(()));
        assert!(holds(&guard, &[]));
        Ok(())
    }

    /// A container takes one place, as any fence.
    #[test]
    fn container_that_a_foreign_driver_added_takes_one_place() -> Result {
        let f = Fences::new(6)?;
        let array = Fences::new(3)?;
        let resv = object()?;
        let mut guard = ResvGuard::lock(resv.clone());

        put_in(&mut guard, &*array.array()?, ResvUsage::Read)?;
        for i in 0..6 {
            add(&mut guard, &f.leaf(i), ResvUsage::Bookkeep)?;
        }
        guard.add_fences_from(&resv)?;
        assert_eq!(guard.fences(ResvUsage::Bookkeep).count(), 10);
        for i in 0..6 {
            f.signal(i);
        }
        assert!(!resv.test_signaled(ResvUsage::Read));
        for i in 0..3 {
            array.signal(i);
        }
        assert!(FenceWait::new()
            .timeout(fixture::long())
            .wait_resv(&resv, ResvUsage::Bookkeep)
            .is_ok());
        Ok(())
    }
}
