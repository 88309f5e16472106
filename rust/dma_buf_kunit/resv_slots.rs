// SPDX-License-Identifier: GPL-2.0

//! Slots: room for fences that is reserved, and used up.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_resv_slots)]
mod tests {
    use super::*;
    use crate::{
        containers::{
            references,
            Fences, //
        },
        fixture::{
            self,
            is_silent,
            next, //
        },
        resv::{
            add,
            holds,
            object, //
        },
    };
    use core::mem::ManuallyDrop;
    use dma_buf::{
        signalling,
        Leaf,
        ResvGuard,
        ResvLocked,
        Usage,
        MAX_RESV_FENCES, //
    };

    #[test]
    fn none_or_too_many_are_refused_and_change_nothing() -> Result {
        let f = Fences::new(3)?;
        let mut guard = ResvGuard::lock(object()?);

        for fill in 0..=3 {
            assert_eq!(guard.reserve(0).map(|_| ()), Err(EINVAL));
            for count in [
                MAX_RESV_FENCES - fill + 1,
                u32::MAX as usize,
                // 0 and 1 in 32 bits.
                1 << 32,
                (1 << 32) + 1,
                usize::MAX,
            ] {
                assert_eq!(guard.reserve(count).map(|_| ()), Err(E2BIG));
            }
            let all: [_; 3] = core::array::from_fn(|i| (f.fence(i), Usage::Read));
            assert!(holds(&guard, &all[..fill]));
            if fill < 3 {
                add(&mut guard, &f.leaf(fill), Usage::Read)?;
            }
        }
        // And after that, what is possible is.
        assert_eq!(
            guard.reserve(MAX_RESV_FENCES - 3)?.len(),
            MAX_RESV_FENCES - 3
        );
        Ok(())
    }

    #[test]
    fn slots_that_are_not_used_are_given_back() -> Result {
        let f = Fences::new(3)?;
        let mut guard = ResvGuard::lock(object()?);

        // More often than there would be room for if they were not.
        for _ in 0..3 {
            let mut slots = guard.reserve(MAX_RESV_FENCES / 2 + 1)?;
            assert!(slots.next().is_some());
            drop(slots);
            let _ = guard.reserve_one()?;
        }
        // Nor does it matter if they are forgotten.
        let _ = ManuallyDrop::new(guard.reserve(MAX_RESV_FENCES)?);
        let _ = ManuallyDrop::new(guard.reserve_one()?);
        let mut slots = guard.reserve(MAX_RESV_FENCES)?;
        for i in 0..3 {
            slots.next().ok_or(ENOSPC)?.add(&f.leaf(i), Usage::Write);
        }
        drop(slots);
        assert_eq!(guard.fences(Usage::Write).count(), 3);
        Ok(())
    }

    /// The core's reservations are not added up: what is asked for is what there is.
    #[test]
    fn reserved_twice_is_room_for_what_was_reserved_last() -> Result {
        let f = Fences::new(24)?;
        let mut guard = ResvGuard::lock(object()?);
        let mut added = 0;

        for count in [1, 2, 5, 1, 1, 9, 5] {
            let _ = guard.reserve(1)?;
            for slot in guard.reserve(count)? {
                slot.add(&f.leaf(added), Usage::Bookkeep);
                added += 1;
            }
            assert_eq!(guard.fences(Usage::Bookkeep).count(), added);
        }
        assert_eq!(added, 24);
        Ok(())
    }

    /// The core takes back what is reserved, on kernels that debug mutexes.
    #[test]
    fn reservations_end_when_it_is_unlocked() -> Result {
        let f = Fences::new(9)?;
        let mut resv = object()?;

        for i in 0..9 {
            let mut guard = ResvGuard::lock(resv);
            drop(guard.reserve(8)?);
            resv = guard.unlock();

            let mut guard = ResvGuard::lock(resv);
            add(&mut guard, &f.leaf(i), Usage::Read)?;
            assert_eq!(guard.fences(Usage::Read).count(), i + 1);
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
        // They do without what they came from, and need no order.
        drop(slots);
        c.add(&f.leaf(2), Usage::Kernel);
        a.add(&f.leaf(0), Usage::Bookkeep);
        drop(b);
        assert!(holds(
            &guard,
            &[(f.fence(2), Usage::Kernel), (f.fence(0), Usage::Bookkeep)]
        ));
        Ok(())
    }

    #[test]
    fn later_fence_of_a_context_takes_the_place_of_an_earlier() -> Result {
        for old in Usage::ALL {
            for new in Usage::ALL {
                let context = fixture::context()?;
                let (one, two) = (next(&context)?, next(&context)?);
                let mut guard = ResvGuard::lock(object()?);

                add(&mut guard, &one.leaf(), old)?;
                add(&mut guard, &two.leaf(), new)?;
                // Or else who waits for the old usage would not be made to any more.
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

        add(&mut guard, &two.leaf(), Usage::Read)?;
        add(&mut guard, &one.leaf(), Usage::Read)?;
        assert!(holds(
            &guard,
            &[(two.as_fence(), Usage::Read), (one.as_fence(), Usage::Read)]
        ));
        context.signal_up_to(2);
        Ok(())
    }

    #[test]
    fn fence_is_promoted_by_adding_it_once_more() -> Result {
        let f = Fences::new(1)?;
        let before = references(f.fence(0));
        let mut guard = ResvGuard::lock(object()?);

        for usage in Usage::ALL.into_iter().rev() {
            add(&mut guard, &f.leaf(0), usage)?;
            assert!(holds(&guard, &[(f.fence(0), usage)]));
            assert_eq!(references(f.fence(0)), before + 1);
        }
        // Nothing takes that back.
        add(&mut guard, &f.leaf(0), Usage::Bookkeep)?;
        assert_eq!(guard.fences(Usage::Kernel).count(), 1);
        Ok(())
    }

    #[test]
    fn fence_takes_the_place_of_one_that_has_signalled() -> Result {
        let f = Fences::new(3)?;
        let mut guard = ResvGuard::lock(object()?);

        for i in 0..2 {
            add(&mut guard, &f.leaf(i), Usage::Kernel)?;
        }
        f.signal(0);
        let before = references(f.fence(0));
        add(&mut guard, &f.leaf(2), Usage::Bookkeep)?;
        assert!(holds(
            &guard,
            &[(f.fence(2), Usage::Bookkeep), (f.fence(1), Usage::Kernel)]
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
        let mut slots = guard.reserve(6)?;
        slots.add_leaves(&array, Usage::Write)?;
        assert_eq!(slots.len(), 2);
        slots.add_leaves(&Leaf::stub().into(), Usage::Read)?;
        assert_eq!(slots.len(), 1);
        drop(slots);

        let mut fences = guard.fences(Usage::Write);
        for i in 0..4 {
            assert!(fences.any(|(fence, _)| core::ptr::eq(fence, f.fence(i))));
        }
        assert!(fences.next().is_none());
        assert!(guard
            .fences(Usage::Read)
            .all(|(fence, _)| !fence.is_container()));
        Ok(())
    }

    #[test]
    fn array_that_needs_more_slots_than_there_are_changes_nothing() -> Result {
        let f = Fences::new(5)?;
        let array = f.array()?;
        let before = references(f.fence(0));
        let mut guard = ResvGuard::lock(object()?);

        let mut slots = guard.reserve(5)?;
        let one = slots.next();
        assert_eq!(slots.add_leaves(&array, Usage::Write), Err(ENOSPC));
        assert_eq!(slots.len(), 4);
        drop((slots, one));
        assert!(holds(&guard, &[]));
        assert_eq!(references(f.fence(0)), before);

        // A leaf needs one, too.
        let mut slots = guard.reserve(1)?;
        let one = slots.next();
        assert_eq!(
            slots.add_leaves(&f.leaf(0).into(), Usage::Write),
            Err(ENOSPC)
        );
        drop((slots, one));
        assert!(holds(&guard, &[]));
        Ok(())
    }

    /// Where the job is committed, nothing may be allocated or waited for.
    #[test]
    fn fence_may_be_added_in_a_signalling_section() -> Result {
        let f = Fences::new(2)?;
        let array = f.array()?;
        let mut guard = ResvGuard::lock(object()?);
        let mut slots = guard.reserve(3)?;

        signalling(|_section| {
            if let Some(slot) = slots.next() {
                slot.add(&f.leaf(0), Usage::Write);
            }
            assert_eq!(slots.add_leaves(&array, Usage::Write), Ok(()));
        });
        drop(slots);
        assert_eq!(guard.fences(Usage::Bookkeep).count(), 2);
        assert!(is_silent());
        Ok(())
    }
}
