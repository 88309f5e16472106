// SPDX-License-Identifier: GPL-2.0

//! Slots in all objects of a set.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_set_slots)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_of_each_object() -> Result {
        let f = Fences::new(2)?;
        let (one, two) = (object()?, object()?);
        let mut slots = set([&one, &two])?.lock().reserve()?;

        let usages = [ResvUsage::Write, ResvUsage::Read];
        for (i, ((handle, slot), usage)) in slots.drain().zip(usages).enumerate() {
            assert!(Arc::ptr_eq(handle, [&one, &two][i]));
            slot.add(&f.leaf(i), usage);
        }
        // Each once.
        assert_eq!(slots.drain().len(), 0);
        assert!(one.is_locked() && two.is_locked());
        drop(slots);
        assert!(holds(
            &ResvGuard::lock(one),
            &[(f.fence(0), ResvUsage::Write)]
        ));
        assert!(holds(
            &ResvGuard::lock(two),
            &[(f.fence(1), ResvUsage::Read)]
        ));
        Ok(())
    }

    #[test]
    fn slots_that_are_not_used_are_given_back() -> Result {
        let f = Fences::new(1)?;
        let (one, two) = (object()?, object()?);
        let mut set = set([&one, &two])?;

        for _ in 0..20 {
            let mut slots = set.lock().reserve()?;

            assert!(slots.drain().next().is_some());
            // What the first call has not taken is gone.
            assert!(slots.drain().next().is_none());
            set = slots.unlock();
        }
        let mut slots = set.lock().reserve()?;
        for (_, slot) in slots.drain().skip(1) {
            slot.add(&f.leaf(0), ResvUsage::Kernel);
        }
        drop(slots);
        assert!(holds(&ResvGuard::lock(one), &[]));
        assert!(holds(
            &ResvGuard::lock(two),
            &[(f.fence(0), ResvUsage::Kernel)]
        ));
        Ok(())
    }

    /// Members that share an object have as many slots as if they did not.
    #[test]
    fn object_that_is_in_many_times_has_a_slot_for_each_time() -> Result {
        const TIMES: usize = 60;

        let f = Fences::new(2 * TIMES)?;
        let (one, two) = (object()?, object()?);
        let mut set = ResvSet::new();

        set.push(two.clone())?;
        for _ in 0..TIMES {
            set.push(one.clone())?;
        }
        set.push(two.clone())?;
        // The fences that are there take no room from them.
        for turn in 0..2 {
            let mut slots = set.lock().reserve()?;

            for (i, (_, slot)) in slots.drain().skip(1).take(TIMES).enumerate() {
                slot.add(&f.leaf(turn * TIMES + i), ResvUsage::Bookkeep);
            }
            set = slots.unlock();
            assert_eq!(
                one.get_fences(ResvUsage::Bookkeep)?.len(),
                (turn + 1) * TIMES
            );
        }
        assert!(two.test_signaled(ResvUsage::Bookkeep));
        Ok(())
    }

    #[test]
    fn fence_for_all_is_once_in_an_object_that_is_in_twice() -> Result {
        let f = Fences::new(1)?;
        let (one, two) = (object()?, object()?);
        let before = references(f.fence(0));
        let mut slots = set([&one, &two, &one])?.lock().reserve()?;

        for (_, slot) in slots.drain() {
            slot.add(&f.leaf(0), ResvUsage::Write);
        }
        assert_eq!(references(f.fence(0)), before + 2);
        drop(slots);
        assert!(holds(
            &ResvGuard::lock(one),
            &[(f.fence(0), ResvUsage::Write)]
        ));
        Ok(())
    }

    #[test]
    fn fences_added_to_a_member_take_no_slot() -> Result {
        let f = Fences::new(9)?;
        let one = object()?;
        let mut locked = set([&one])?.lock();

        for i in 0..8 {
            let member = locked.get_mut(0).ok_or(ENOENT)?;
            add(member, &f.leaf(i), ResvUsage::Read)?;
        }
        let mut slots = locked.reserve()?;
        for (_, slot) in slots.drain() {
            slot.add(&f.leaf(8), ResvUsage::Read);
        }
        drop(slots);
        assert_eq!(one.get_fences(ResvUsage::Read)?.len(), 9);
        Ok(())
    }

    /// As a submission does it: one section from the publication to the push.
    #[test]
    fn fences_are_added_and_objects_unlocked_in_a_section() -> Result {
        let f = Fences::new(1)?;
        let (one, two) = (object()?, object()?);
        let mut slots = set([&one, &two])?.lock().reserve()?;

        let set = signalling(move |_section| {
            for (_, slot) in slots.drain() {
                slot.add(&f.leaf(0), ResvUsage::Write);
            }
            let set = slots.unlock();
            f.signal(0);
            set
        });
        assert!(!one.is_locked() && !two.is_locked());
        assert!(is_silent());
        drop(set);
        Ok(())
    }
}
