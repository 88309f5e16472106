// SPDX-License-Identifier: GPL-2.0

//! Slots in all objects of a set.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_resv_set_slots)]
mod tests {
    use super::*;
    use crate::{
        containers::{
            references,
            Fences, //
        },
        resv::{
            self,
            add,
            holds,
            object,
            set, //
        },
    };
    use dma_buf::{
        ResvLocked,
        ResvSet,
        Usage,
        MAX_RESV_FENCES, //
    };

    #[test]
    fn slots_are_of_each_object() -> Result {
        let f = Fences::new(3)?;
        let (one, two) = (object()?, object()?);
        let mut set = set([&one, &two])?;
        let mut locked = set.lock()?;
        let mut slots = locked.reserve(2)?;

        let first = slots.slot(0).ok_or(ENOSPC)?;
        assert_eq!(slots.add_to_all(&f.leaf(0), Usage::Write), Ok(()));
        assert!(slots.slot(0).is_none() && slots.slot(2).is_none());
        assert_eq!(slots.add_to_all(&f.leaf(1), Usage::Write), Err(ENOSPC));
        slots.slot(1).ok_or(ENOSPC)?.add(&f.leaf(2), Usage::Read);
        assert!(slots.slot(1).is_none());
        first.add(&f.leaf(1), Usage::Bookkeep);
        drop(slots);

        let one = locked.get(0).ok_or(ENOENT)?;
        assert!(holds(
            &one,
            &[(f.fence(0), Usage::Write), (f.fence(1), Usage::Bookkeep)]
        ));
        let two = locked.get(1).ok_or(ENOENT)?;
        assert!(holds(
            &two,
            &[(f.fence(0), Usage::Write), (f.fence(2), Usage::Read)]
        ));
        Ok(())
    }

    #[test]
    fn members_are_read_beside_each_other_and_take_arrays() -> Result {
        let f = Fences::new(3)?;
        let (one, two) = (object()?, object()?);
        let mut set = set([&one, &two])?;
        let mut locked = set.lock()?;
        let array = f.array()?;
        let mut slots = locked.reserve(array.leaf_count())?;

        assert_eq!(slots.add_leaves(2, &array, Usage::Read), Err(ENOENT));
        assert_eq!(slots.add_leaves(1, &array, Usage::Read), Ok(()));
        // They are used up.
        let more = slots.add_leaves(1, &f.leaf(0).into(), Usage::Write);
        assert_eq!(more, Err(ENOSPC));
        drop(slots);

        let read = locked.fences(0, Usage::Read).ok_or(ENOENT)?;
        let theirs = locked.fences(1, Usage::Read).ok_or(ENOENT)?;
        assert_eq!((read.count(), theirs.count()), (0, array.leaf_count()));
        assert!(locked.fences(2, Usage::Read).is_none() && locked.resv(2).is_none());
        assert!(locked
            .resv(1)
            .is_some_and(|resv| core::ptr::eq(resv, &*two)));
        Ok(())
    }

    /// Those that share an object have as many slots as if they did not, and no more.
    #[test]
    fn object_that_is_in_many_times_has_slots_for_each_time() -> Result {
        const TIMES: usize = 20;
        const COUNT: usize = 3;

        let f = Fences::new(TIMES * COUNT)?;
        let (one, two) = (object()?, object()?);
        let mut set = ResvSet::new()?;

        set.push(two.clone())?;
        for _ in 0..TIMES {
            set.push(one.clone())?;
        }
        set.push(two.clone())?;
        let mut locked = set.lock()?;
        // What is there takes no room from them.
        for _ in 0..2 {
            let mut slots = locked.reserve(COUNT)?;
            let mut added = 0;

            for index in 1..=TIMES {
                while let Some(slot) = slots.slot(index) {
                    slot.add(&f.leaf(added), Usage::Bookkeep);
                    added += 1;
                }
            }
            assert_eq!(added, TIMES * COUNT);
            assert!(slots.slot(0).is_some() && slots.slot(TIMES + 1).is_some());
        }
        let member = locked.get(1).ok_or(ENOENT)?;
        assert_eq!(member.fences(Usage::Bookkeep).count(), TIMES * COUNT);
        drop(locked);
        assert_eq!(one.get_fences(Usage::Bookkeep)?.len(), TIMES * COUNT);
        assert!(two.test_signaled(Usage::Bookkeep));
        Ok(())
    }

    #[test]
    fn fence_for_all_is_once_in_an_object_that_is_in_twice() -> Result {
        let f = Fences::new(2)?;
        let (one, two) = (object()?, object()?);
        let mut set = set([&one, &two, &one])?;
        let before = references(f.fence(0));
        let mut locked = set.lock()?;
        let mut slots = locked.reserve(1)?;

        assert_eq!(slots.add_to_all(&f.leaf(0), Usage::Write), Ok(()));
        assert_eq!(references(f.fence(0)), before + 2);
        // The other's slot is used up by it as well.
        assert!((0..3).all(|i| slots.slot(i).is_none()));
        assert_eq!(slots.add_to_all(&f.leaf(1), Usage::Write), Err(ENOSPC));
        drop(slots);
        let one = locked.get(2).ok_or(ENOENT)?;
        assert!(holds(&one, &[(f.fence(0), Usage::Write)]));
        Ok(())
    }

    #[test]
    fn none_or_too_many_slots_are_refused() -> Result {
        let f = Fences::new(3)?;
        let (one, two) = (object()?, object()?);
        let mut set = set([&one, &two, &two])?;
        let mut locked = set.lock()?;

        assert_eq!(locked.reserve(0).map(|_| ()), Err(EINVAL));
        // One too many for that which is in twice.
        for count in [MAX_RESV_FENCES / 2 + 1, usize::MAX / 2 + 1, usize::MAX] {
            assert_eq!(locked.reserve(count).map(|_| ()), Err(E2BIG));
        }
        assert!(locked.reserve(1).is_ok());
        // What is added in another way counts.
        let mut member = locked.get(0).ok_or(ENOENT)?;
        for i in 0..3 {
            add(&mut member, &f.leaf(i), Usage::Read)?;
        }
        drop(locked);

        let mut set = resv::set([&one])?;
        let mut locked = set.lock()?;
        assert!(locked.reserve(1).is_ok());
        assert!(locked.reserve(MAX_RESV_FENCES - 3).is_ok());
        assert_eq!(locked.reserve(MAX_RESV_FENCES - 2).map(|_| ()), Err(E2BIG));
        Ok(())
    }

    #[test]
    fn what_is_added_to_a_member_counts_for_the_set() -> Result {
        let f = Fences::new(2)?;
        let one = object()?;
        let mut set = set([&one])?;
        let mut locked = set.lock()?;

        assert!(locked.reserve(1).is_ok());
        let mut member = locked.get(0).ok_or(ENOENT)?;
        for i in 0..2 {
            add(&mut member, &f.leaf(i), Usage::Read)?;
        }
        assert_eq!(locked.reserve(MAX_RESV_FENCES - 1).map(|_| ()), Err(E2BIG));
        Ok(())
    }
}
