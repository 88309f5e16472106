// SPDX-License-Identifier: GPL-2.0

//! Slots: reserved room for fences.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_slots)]
mod tests {
    use super::*;

    /// The most slots that are reserved at a time.
    const MOST: usize = 4096;

    #[test]
    fn none_or_too_many_are_refused_and_change_nothing() -> Result {
        let f = Fences::new(3)?;
        let mut guard = ResvGuard::lock(object()?);

        for fill in 0..=3 {
            assert_eq!(guard.reserve(0).map(|_| ()), Err(EINVAL));
            for count in [
                MOST + 1,
                u32::MAX as usize,
                // 0 and 1 in 32 bits.
                1 << 32,
                (1 << 32) + 1,
                usize::MAX,
            ] {
                assert_eq!(guard.reserve(count).map(|_| ()), Err(E2BIG));
            }
            let all: [_; 3] = core::array::from_fn(|i| (f.fence(i), ResvUsage::Read));
            assert!(holds(&guard, &all[..fill]));
            if fill < 3 {
                add(&mut guard, &f.leaf(fill), ResvUsage::Read)?;
            }
        }
        // After that, what is possible still is.
        assert_eq!(guard.reserve(MOST)?.len(), MOST);
        Ok(())
    }

    /// The kernel doubles its list, and warns when that becomes too long.
    #[test]
    fn pending_fences_are_bounded() -> Result {
        let f = Fences::new(MOST + 1)?;
        let mut guard = ResvGuard::lock(object()?);

        for (i, slot) in guard.reserve(MOST)?.enumerate() {
            slot.add(&f.leaf(i), ResvUsage::Bookkeep);
        }
        // As many again.
        assert_eq!(guard.reserve(MOST)?.len(), MOST);
        add(&mut guard, &f.leaf(MOST), ResvUsage::Bookkeep)?;
        assert_eq!(guard.reserve(MOST).map(|_| ()), Err(E2BIG));
        assert_eq!(guard.reserve(MOST - 1)?.len(), MOST - 1);

        // Signalled fences do not count.
        f.signal(0);
        assert_eq!(guard.reserve(MOST)?.len(), MOST);
        Ok(())
    }

    #[test]
    fn slots_that_are_not_used_are_given_back() -> Result {
        let f = Fences::new(3)?;
        let mut guard = ResvGuard::lock(object()?);

        // More than fit into one allocation, if they were not.
        for _ in 0..256 {
            let mut slots = guard.reserve(MOST)?;
            assert!(slots.next().is_some());
            drop(slots);
            let _ = guard.reserve_one()?;
        }
        // Nor does it matter if they are forgotten.
        let _ = ManuallyDrop::new(guard.reserve(MOST)?);
        let _ = ManuallyDrop::new(guard.reserve_one()?);
        let mut slots = guard.reserve(MOST)?;
        for i in 0..3 {
            slots
                .next()
                .ok_or(ENOSPC)?
                .add(&f.leaf(i), ResvUsage::Write);
        }
        drop(slots);
        assert_eq!(guard.fences(ResvUsage::Write).count(), 3);
        Ok(())
    }

    /// The core does not add up reservations.
    #[test]
    fn reserved_twice_is_room_for_what_was_reserved_last() -> Result {
        let f = Fences::new(24)?;
        let mut guard = ResvGuard::lock(object()?);
        let mut added = 0;

        for count in [1, 2, 5, 1, 1, 9, 5] {
            let _ = guard.reserve(1)?;
            for slot in guard.reserve(count)? {
                slot.add(&f.leaf(added), ResvUsage::Bookkeep);
                added += 1;
            }
            assert_eq!(guard.fences(ResvUsage::Bookkeep).count(), added);
        }
        assert_eq!(added, 24);
        Ok(())
    }

    /// With CONFIG_DEBUG_MUTEXES, unlocking takes the room back.
    #[test]
    fn reservations_end_when_it_is_unlocked() -> Result {
        let f = Fences::new(9)?;
        let mut resv = object()?;

        for i in 0..9 {
            let mut guard = ResvGuard::lock(resv);
            drop(guard.reserve(8)?);
            resv = guard.unlock();

            let mut guard = ResvGuard::lock(resv);
            add(&mut guard, &f.leaf(i), ResvUsage::Read)?;
            assert_eq!(guard.fences(ResvUsage::Read).count(), i + 1);
            resv = guard.unlock();
        }
        Ok(())
    }

    #[test]
    fn slots_are_counted_and_used_one_by_one() -> Result {
        let f = Fences::new(3)?;
        let mut guard = ResvGuard::lock(object()?);
        let mut slots = guard.reserve(3)?;

        assert_eq!(slots.len(), 3);
        let (a, b) = (slots.next().ok_or(ENOSPC)?, slots.next().ok_or(ENOSPC)?);
        assert_eq!(slots.len(), 1);
        let c = slots.next().ok_or(ENOSPC)?;
        assert!(slots.next().is_none() && slots.next().is_none());
        assert_eq!(slots.len(), 0);
        // They outlive the iterator, and can be used in any order.
        drop(slots);
        c.add(&f.leaf(2), ResvUsage::Kernel);
        a.add(&f.leaf(0), ResvUsage::Bookkeep);
        drop(b);
        assert!(holds(
            &guard,
            &[
                (f.fence(2), ResvUsage::Kernel),
                (f.fence(0), ResvUsage::Bookkeep)
            ]
        ));
        Ok(())
    }

    #[test]
    fn later_fence_of_a_context_takes_the_place_of_an_earlier() -> Result {
        for old in ResvUsage::ALL {
            for new in ResvUsage::ALL {
                let context = fixture::context()?;
                let (one, two) = (next(&context)?, next(&context)?);
                let mut guard = ResvGuard::lock(object()?);

                add(&mut guard, &one.leaf(), old)?;
                add(&mut guard, &two.leaf(), new)?;
                // Otherwise a task that waits for the old usage would not wait any more.
                if new <= old {
                    assert!(holds(&guard, &[(two.as_fence(), new)]));
                } else {
                    let both = [(one.as_fence(), old), (two.as_fence(), new)];
                    assert!(holds(&guard, &both));
                }
                one.signal(Ok(()));
                two.signal(Ok(()));
            }
        }
        Ok(())
    }

    #[test]
    fn earlier_fence_of_a_context_takes_no_place() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let mut guard = ResvGuard::lock(object()?);

        add(&mut guard, &two.leaf(), ResvUsage::Read)?;
        add(&mut guard, &one.leaf(), ResvUsage::Read)?;
        assert!(holds(
            &guard,
            &[
                (two.as_fence(), ResvUsage::Read),
                (one.as_fence(), ResvUsage::Read)
            ]
        ));
        context.signal_up_to(2);
        Ok(())
    }

    #[test]
    fn fence_is_promoted_by_adding_it_once_more() -> Result {
        let f = Fences::new(1)?;
        let before = references(f.fence(0));
        let mut guard = ResvGuard::lock(object()?);

        for usage in ResvUsage::ALL.into_iter().rev() {
            add(&mut guard, &f.leaf(0), usage)?;
            assert!(holds(&guard, &[(f.fence(0), usage)]));
            assert_eq!(references(f.fence(0)), before + 1);
        }
        // Nothing takes that back.
        add(&mut guard, &f.leaf(0), ResvUsage::Bookkeep)?;
        assert_eq!(guard.fences(ResvUsage::Kernel).count(), 1);
        Ok(())
    }

    #[test]
    fn fence_takes_the_place_of_one_that_has_signalled() -> Result {
        let f = Fences::new(3)?;
        let mut guard = ResvGuard::lock(object()?);

        for i in 0..2 {
            add(&mut guard, &f.leaf(i), ResvUsage::Kernel)?;
        }
        f.signal(0);
        let before = references(f.fence(0));
        add(&mut guard, &f.leaf(2), ResvUsage::Bookkeep)?;
        assert!(holds(
            &guard,
            &[
                (f.fence(2), ResvUsage::Bookkeep),
                (f.fence(1), ResvUsage::Kernel)
            ]
        ));
        assert_eq!(references(f.fence(0)), before - 1);
        Ok(())
    }

    #[test]
    fn array_is_added_by_its_leaves() -> Result {
        let f = Fences::new(4)?;
        let array = f.array()?;
        let mut guard = ResvGuard::lock(object()?);

        assert_eq!(array.leaf_count(), 4);
        guard.add_leaves(&array, ResvUsage::Write)?;
        guard.add_leaves(&Leaf::stub().into(), ResvUsage::Read)?;

        let mut fences = guard.fences(ResvUsage::Write);
        for i in 0..4 {
            assert!(fences.any(|(fence, _)| core::ptr::eq(fence, f.fence(i))));
        }
        assert!(fences.next().is_none());
        assert!(guard
            .fences(ResvUsage::Read)
            .all(|(fence, _)| !fence.is_container()));
        Ok(())
    }

    #[test]
    fn array_with_too_many_leaves_changes_nothing() -> Result {
        let f = Fences::new(1)?;
        let before = references(f.fence(0));
        let mut leaves = KVec::new();

        leaves.push(f.leaf(0), GFP_KERNEL)?;
        for _ in 0..MOST {
            leaves.push(Leaf::stub(), GFP_KERNEL)?;
        }
        let array = FenceArray::create(leaves)?;
        let mut guard = ResvGuard::lock(object()?);

        assert_eq!(array.leaf_count(), MOST + 1);
        assert_eq!(guard.add_leaves(&array, ResvUsage::Write), Err(E2BIG));
        assert!(holds(&guard, &[]));
        assert_eq!(references(f.fence(0)), before + 1);
        Ok(())
    }

    /// Once the job is committed, nothing may be allocated or waited for.
    #[test]
    fn fence_may_be_added_in_a_signalling_section() -> Result {
        let f = Fences::new(2)?;
        let array = f.array()?;
        let mut guard = ResvGuard::lock(object()?);
        let mut slots = guard.reserve(3)?;

        signalling(|_section| {
            if let Some(slot) = slots.next() {
                slot.add(&f.leaf(0), ResvUsage::Write);
            }
            for (slot, leaf) in slots.by_ref().zip(array.iter()) {
                slot.add(leaf, ResvUsage::Write);
            }
        });
        drop(slots);
        assert_eq!(guard.fences(ResvUsage::Bookkeep).count(), 2);
        assert!(is_silent());
        Ok(())
    }
}
