// SPDX-License-Identifier: GPL-2.0

//! The kernel's dma-buf-resv suite, case by case, through the Rust API.
//!
//! What C does for each usage as a case of its own is a loop here.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_resv)]
mod tests {
    use super::*;
    use crate::{
        containers::is_same,
        fixture,
        resv::{
            add,
            object, //
        },
    };
    use dma_buf::{
        DriverFence,
        FenceContext,
        Resv,
        ResvGuard,
        ResvLocked,
        Usage, //
    };
    use fixture::Mock;
    use kernel::sync::Arc;

    /// A fence that somebody waits for, and an object.
    fn setup() -> Result<(FenceContext<Mock>, DriverFence<Mock>, Arc<Resv>)> {
        let (context, driver) = fixture::fence()?;

        driver.as_fence().enable_signaling();
        Ok((context, driver, object()?))
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
        for usage in Usage::ALL {
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
        for usage in Usage::ALL {
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

    /// The walk starts again when the list has become another. C pretends that it has;
    /// here it has.
    #[test]
    fn test_for_each_unlocked() -> Result {
        for usage in Usage::ALL {
            let (_context, driver, resv) = setup()?;
            let mut guard = ResvGuard::lock(resv.clone());

            add(&mut guard, &driver.leaf(), usage)?;
            drop(guard);

            let mut walk = resv.fences_unlocked(usage);
            let mut found = 0;
            while let Some(fence) = walk.next() {
                assert!(is_same(fence, driver.as_fence()));
                assert!(walk.is_restarted());
                assert_eq!(walk.usage(), usage);
                found += 1;
                if found == 1 {
                    walk.restart();
                }
            }
            assert_eq!(found, 2);
            driver.signal(Ok(()));
        }
        Ok(())
    }

    #[test]
    fn test_get_fences() -> Result {
        for usage in Usage::ALL {
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
