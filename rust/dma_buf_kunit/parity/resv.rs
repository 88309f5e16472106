// SPDX-License-Identifier: GPL-2.0

//! The kernel's dma-buf-resv suite, case by case, through the Rust API.
//!
//! C runs a case for each usage; here it is a loop.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv)]
mod tests {
    use super::*;

    /// A fence with signalling enabled, and an object.
    fn setup() -> Result<(FenceContext<Mock>, DriverFence<Mock>, Arc<Resv>)> {
        let (context, driver) = fixture::fence()?;

        driver.as_fence().enable_signaling();
        Ok((context, driver, object()?))
    }

    /// Exchanges the lists of two objects.
    fn exchange_lists(one: &Resv, other: &Resv) {
        // SAFETY: The objects are valid, and only this task uses them.
        unsafe { core::mem::swap(&mut (*one.as_raw()).fences, &mut (*other.as_raw()).fences) };
    }

    #[test]
    fn test_sanitycheck() -> Result {
        let (_context, driver, resv) = setup()?;

        driver.signal(Ok(()));
        let guard = ResvGuard::lock(resv);
        let resv = guard.unlock();
        assert!(!resv.is_locked());
        Ok(())
    }

    #[test]
    fn test_signaling() -> Result {
        for usage in ResvUsage::ALL {
            let (_context, driver, resv) = setup()?;
            let mut guard = ResvGuard::lock(resv);

            add(&mut guard, &driver.leaf(), usage)?;
            assert!(!guard.test_signaled(usage));
            driver.signal(Ok(()));
            assert!(guard.test_signaled(usage));
        }
        Ok(())
    }

    #[test]
    fn test_for_each() -> Result {
        for usage in ResvUsage::ALL {
            let (_context, driver, resv) = setup()?;
            let mut guard = ResvGuard::lock(resv);

            add(&mut guard, &driver.leaf(), usage)?;
            let mut found = 0;
            for (fence, as_what) in guard.fences(usage) {
                assert!(is_same(fence, driver.as_fence()));
                assert_eq!(as_what, usage);
                found += 1;
            }
            assert_eq!(found, 1);
            driver.signal(Ok(()));
        }
        Ok(())
    }

    /// The walk restarts when the list is another one. C overwrites the cursor; here the object is
    /// given the list of another object.
    #[test]
    fn test_for_each_unlocked() -> Result {
        for usage in ResvUsage::ALL {
            let (_context, driver, resv) = setup()?;
            let mut guard = ResvGuard::lock(resv.clone());

            add(&mut guard, &driver.leaf(), usage)?;
            drop(guard);
            let other = with(&[(&driver.leaf(), usage)])?;

            let rcu = rcu::read_lock();
            let mut walk = resv.fences_unlocked(usage, &rcu);
            let mut found = 0;
            while let Some(fence) = walk.next() {
                assert!(is_same(fence, driver.as_fence()));
                assert!(walk.is_restarted());
                assert_eq!(walk.usage(), usage);
                found += 1;
                if found == 1 {
                    exchange_lists(&resv, &other);
                }
            }
            assert_eq!(found, 2);
            driver.signal(Ok(()));
        }
        Ok(())
    }

    #[test]
    fn test_get_fences() -> Result {
        for usage in ResvUsage::ALL {
            let (_context, driver, resv) = setup()?;

            add(&mut ResvGuard::lock(resv.clone()), &driver.leaf(), usage)?;
            let fences = resv.get_fences(usage)?;
            assert_eq!(fences.len(), 1);
            assert!(is_same(&fences[0], driver.as_fence()));
            driver.signal(Ok(()));
        }
        Ok(())
    }
}
