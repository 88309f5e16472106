// SPDX-License-Identifier: GPL-2.0

//! What a foreign driver nests, as deep as the kernel's own functions bear: what is
//! waited for here is never the whole, but its leaves, or what was made flat.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_nested)]
mod tests {
    use super::*;
    use crate::fixture::{
        foreign::{
            self,
            Device, //
        },
        shapes::SHAPES,
        workqueue::Workqueue, //
    };

    /// The documented limit.
    const MAX_NESTED: usize = 262_144;

    #[test]
    fn each_leaf_comes_once() -> Result {
        assert!(each(|device, nested| {
            let mut seen = KVec::from_elem(false, device.last() as usize, GFP_KERNEL)?;
            let mut leaves = nested.leaves();

            while let Some(leaf) = leaves.next()? {
                let first = &mut seen[leaf.seqno() as usize - 1];

                ensure!(!leaf.is_container() && !*first);
                *first = true;
            }
            ensure!(seen.iter().all(|seen| *seen));
            ensure!(leaves.next()?.is_none());
            Ok(())
        })
        .is_ok());
        Ok(())
    }

    #[test]
    fn walk_can_end_anywhere() -> Result {
        assert!(each(|device, nested| {
            let last = device.last() as usize;

            for visited in 0..last {
                let mut leaves = nested.leaves();

                for _ in 0..visited {
                    ensure!(leaves.next()?.is_some());
                }
                let mut left = 0;
                while leaves.next()?.is_some() {
                    left += 1;
                }
                ensure!(left == last - visited);
            }
            Ok(())
        })
        .is_ok());
        Ok(())
    }

    /// Links that the walk is in the midst of are dropped from their chains by
    /// another walk, and nobody else has them.
    #[test]
    fn walk_keeps_what_it_is_in() -> Result {
        for visited in 0..16 {
            assert!(each(|device, nested| {
                let mut walk = nested.leaves();

                for _ in 0..visited {
                    walk.next()?;
                }
                device.signal_up_to(u64::MAX, Ok(()));
                leaves(nested)?;
                rcu::rcu_barrier();
                while let Some(leaf) = walk.next()? {
                    ensure!(leaf.is_signaled());
                }
                Ok(())
            })
            .is_ok());
        }
        Ok(())
    }

    #[test]
    fn merged_it_is_the_latest_of_each_ring() -> Result {
        assert!(each(|device, nested| {
            let last = device.last();
            let more = device.submit()?;
            let merged = unwrap_merge([nested, &more, nested])?;
            let array = merged.as_array().ok_or(EINVAL)?;

            ensure!(array.len() == RINGS as usize);
            for fence in array.fences() {
                ensure!(!fence.is_container() && fence.seqno() + u64::from(RINGS) > last);
            }
            // Waited for as a whole, as it is flat.
            ensure!(merged.wait_timeout(Delta::from_millis(1)) == Err(WaitError::TimedOut));
            device.signal_up_to(last, Ok(()));
            ensure!(!merged.is_signaled());
            device.signal_up_to(last + 1, Ok(()));
            ensure!(merged.wait_timeout(bound()).is_ok());
            // All have signalled.
            ensure!(unwrap_merge([nested])?
                .as_leaf()
                .is_some_and(|leaf| leaf.is_signaled()));
            Ok(())
        })
        .is_ok());
        Ok(())
    }

    #[test]
    fn what_has_signalled_is_left_out() -> Result {
        assert!(each(|device, nested| {
            let last = device.last();

            for number in 1..last {
                device.signal_up_to(number, Ok(()));

                ensure!(!nested.to_unwrapped()?.is_signaled());
                ensure!(!nested.is_signaled());
            }
            device.signal_up_to(last, Ok(()));
            ensure!(nested.is_signaled());
            Ok(())
        })
        .is_ok());
        Ok(())
    }

    #[test]
    fn names_may_be_null() -> Result {
        let device = Device::new(1)?;

        device.forget_names();
        let fence = device.submit()?;
        {
            let rcu = rcu::read_lock();
            assert_eq!(fence.driver_name(&rcu), c"(null)");
            assert_eq!(fence.timeline_name(&rcu), c"(null)");
        }
        let line = CString::try_from_fmt(fmt!("{}", &*fence))?;
        assert!(line.to_bytes().ends_with(b" (null) (null) unsignalled"));
        Ok(())
    }

    /// The error of one of them is no matter to a wait.
    #[test]
    fn leaves_are_waited_for() -> Result {
        assert!(each(|device, nested| {
            let queue = Workqueue::new()?;
            let last = device.last();
            let theirs = device.clone();

            let unwrapped = nested.to_unwrapped()?;
            ensure!(unwrapped.wait_timeout(Delta::ZERO) == Err(WaitError::TimedOut));
            ensure!(unwrapped.wait_timeout(Delta::from_millis(1)) == Err(WaitError::TimedOut));
            device.signal_up_to(last / 2, Err(EIO));
            ensure!(unwrapped.wait_timeout(Delta::from_millis(1)) == Err(WaitError::TimedOut));
            ensure!(
                nested.to_unwrapped()?.wait_timeout(Delta::from_millis(1))
                    == Err(WaitError::TimedOut)
            );
            queue.spawn_on(0, move || {
                for number in last / 2..=last {
                    theirs.signal_up_to(number, Ok(()));
                }
            })?;
            ensure!(unwrapped.wait_timeout(bound()).is_ok());
            ensure!(nested.is_signaled());
            ensure!(nested.to_unwrapped()?.wait_timeout(Delta::ZERO).is_ok());
            Ok(())
        })
        .is_ok());
        Ok(())
    }

    #[test]
    fn released_pending_it_lets_its_leaves_go() -> Result {
        for (shape, n) in SHAPES {
            let device = Device::new(RINGS)?;
            let nested = device.nest(shape, n)?;
            let leaves = leaves(&nested)?;

            drop(nested);
            // We have them, and the device does.
            for leaf in &leaves {
                assert_eq!(references(leaf), 2);
            }
        }
        Ok(())
    }

    /// As a whole, it would have the core recurse. Made flat, it does not.
    #[test]
    fn callbacks_are_for_what_is_flat() -> Result {
        assert!(each(|device, nested| {
            let is_allowed = nested
                .as_chain()
                .is_some_and(|link| !link.contained().is_chain());
            let seen = Counter::new()?;
            let mut callback = registration()?;
            let (_context, target) = fixture::fence()?;
            let target_fence = target.fence();
            let proxy = FenceProxyAllocation::new()?;

            match callback.as_mut().register(nested, Count(seen.clone())) {
                Ok(()) => ensure!(is_allowed),
                Err(CallbackError::Nested(_)) => ensure!(!is_allowed),
                Err(error) => return Err(error.into()),
            }
            callback.as_mut().cancel();

            let flat = nested.to_unwrapped()?;
            callback.as_mut().register(&flat, Count(seen.clone()))?;
            let _proxy = proxy.start(&flat, target);
            device.signal_up_to(u64::MAX, Ok(()));
            ensure!(eventually(|| seen.get() == 1));
            ensure!(eventually(|| target_fence.test_signaled_flag()));

            // That it has signalled is what counts then.
            ensure!(nested.is_signaled());
            callback.as_mut().cancel();
            let again = callback.as_mut().register(nested, Count(seen));
            ensure!(matches!(again, Err(CallbackError::AlreadySignaled(_))));
            Ok(())
        })
        .is_ok());
        Ok(())
    }

    /// Whether going through something goes on until the library has had enough of it:
    /// how many leaves it took, which are all the same one.
    fn endless(nested: &Fence, leaf: &Fence) -> Result<usize> {
        let mut leaves = nested.leaves();
        let mut visited = 0;

        let error = loop {
            match leaves.next() {
                Ok(Some(found)) => ensure!(is_same(found, leaf)),
                Ok(None) => return Err(EINVAL),
                Err(error) => break error,
            }
            visited += 1;
        };
        ensure!(error == E2BIG);
        // That was it.
        ensure!(leaves.next()?.is_none());
        ensure!(nested.to_unwrapped().map(|_| ()) == Err(E2BIG));
        Ok(visited)
    }

    /// Arrays of twice the same array, 18 deep: few of them, but many to go into.
    #[test]
    fn same_ones_nested_over_and_over_end() -> Result {
        let alive = foreign::alive();
        let device = Device::new(1)?;
        let leaf = device.submit()?;
        let mut nested = leaf.clone();

        for _ in 0..18 {
            nested = foreign::array([nested.clone(), nested])?;
        }
        device.signal_up_to(u64::MAX, Ok(()));
        // One in three is a leaf of an array of two.
        assert!(endless(&nested, &leaf)
            .is_ok_and(|visited| (MAX_NESTED / 4..MAX_NESTED).contains(&visited)));
        drop((leaf, nested, device));
        assert!(eventually(|| foreign::alive() == alive));
        Ok(())
    }

    /// Few to go into, but with many leaves in each.
    #[test]
    fn same_leaves_over_and_over_end() -> Result {
        const TIMES: u32 = 600;
        let alive = foreign::alive();
        let device = Device::new(1)?;
        let nested = device.nest(Shape::FOREIGN_SAME, TIMES)?;
        let leaf = nested
            .leaves()
            .next()?
            .map(|leaf| fence(leaf))
            .ok_or(EINVAL)?;

        device.signal_up_to(u64::MAX, Ok(()));
        // An array is counted, too.
        let all = MAX_NESTED - MAX_NESTED / TIMES as usize;
        assert!(
            endless(&nested, &leaf).is_ok_and(|visited| visited.abs_diff(all) <= TIMES as usize)
        );
        drop((leaf, nested, device));
        assert!(eventually(|| foreign::alive() == alive));
        Ok(())
    }
}
