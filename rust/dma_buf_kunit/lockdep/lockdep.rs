// SPDX-License-Identifier: GPL-2.0

//! Domains and lock classes, put to the uses that they allow: lockdep, where
//! there is one, has nothing to say.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_lockdep)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds() -> Result {
        let longest = KVec::from_elem(b'x', 63, GFP_KERNEL)?;
        let longer = KVec::from_elem(b'x', 64, GFP_KERNEL)?;
        let string = |bytes: &[u8]| {
            CString::try_from_fmt(kernel::prelude::fmt!(
                "{}",
                core::str::from_utf8(bytes).unwrap_or("")
            ))
        };

        assert!(SignallingDomain::new(&string(&longest)?).is_ok());
        for name in [&*string(&longer)?, c""] {
            assert_eq!(SignallingDomain::new(name).map(|_| ()), Err(EINVAL));
            assert_eq!(LockClass::new(name).map(|_| ()), Err(EINVAL));
        }
        Ok(())
    }

    #[test]
    fn sections_and_waits_of_a_domain_in_order_are_silent() -> Result {
        let domain = SignallingDomain::new(c"kunit a")?;
        let options = ContextOptions::new().domain(domain);
        let context = FenceContext::with_options(c"mock", c"domain", options, Mock)?;
        let (one, two) = (next(&context)?, next(&context)?);
        let wait = FenceWait::new()
            .domain(domain)
            .timeout(Delta::from_millis(1));

        assert_eq!(wait.wait(one.as_fence()), Err(WaitError::TimedOut));
        domain.signalling(|_| {
            assert!(holds_lock(c"kunit a"));
            signalling(|_| domain.signalling(|_| one.signal(Ok(()))))
        });
        assert!(wait.wait_any(&[two.as_fence()]).is_err());
        // The domain of before, by its name.
        SignallingDomain::new(c"kunit a")?.signalling(|_| two.signal(Ok(())));
        assert!(wait.wait(&dma_buf::Fence::stub()).is_ok());
        assert!(is_silent());
        Ok(())
    }

    #[test]
    fn wait_in_another_domains_section_is_silent_one_way_round() -> Result {
        let (inner, outer) = (
            SignallingDomain::new(c"kunit inner")?,
            SignallingDomain::new(c"kunit outer")?,
        );
        let (_context, driver) = fixture::fence()?;

        outer.signalling(|_| {
            assert!(holds_lock(c"kunit outer"));
            let _ = FenceWait::new()
                .domain(inner)
                .allow_in_signalling()
                .timeout(Delta::from_millis(1))
                .wait(driver.as_fence());
        });
        inner.signalling(|_| driver.signal(Ok(())));
        assert!(is_silent());
        Ok(())
    }

    /// They are used as others are; the class stays when the context has gone.
    #[test]
    fn fences_of_a_class_of_their_own_work_as_others() -> Result {
        let options = ContextOptions::new().lock_class(LockClass::new(c"kunit fence")?);
        let context = FenceContext::with_options(c"mock", c"class", options, Mock)?;
        let driver = next(&context)?;
        let fence = driver.fence();
        let seen = Counter::new()?;
        let mut callback = registration()?;

        callback.as_mut().register(&fence, Count(seen.clone()))?;
        fence.enable_signaling();
        assert!(!fence.is_signaled());
        driver.signal(Ok(()));
        assert_eq!(seen.get(), 1);
        // The fence outlives its context, and lockdep still knows its lock.
        drop(context);
        assert_eq!(fence.status(), FenceStatus::Signaled);
        assert!(is_silent());
        Ok(())
    }
}
