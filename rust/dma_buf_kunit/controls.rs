// SPDX-License-Identifier: GPL-2.0

//! Lock orders made on purpose. Lockdep's record has to show them, so that it can be believed
//! when it shows no others. What looks at the record knows the names of the locks
//! (selftests/guest).

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_controls)]
mod tests {
    use super::*;

    /// A callback that takes the lock of another fence.
    struct Touch(ARef<Fence>);

    // SAFETY: It breaks the rule against taking another fence's lock on purpose.
    // That fence's class is never locked before this one's, so nothing deadlocks. It
    // is not leaked.
    unsafe impl FenceCallback for Touch {
        fn called(&self, _fence: &Fence) {
            self.0.enable_signaling();
        }
    }

    /// Fences that have another one signalled when somebody waits for them.
    struct Proxy(ARef<Fence>);

    #[vtable]
    impl FenceContextOps for Proxy {
        type FenceData = ();

        fn enable_signaling(&self, _data: &(), _seqno: u64) -> Option<Result> {
            self.0.enable_signaling();
            None
        }
    }

    /// Fences that count how often somebody waits for them with both of these locks held.
    struct Inner {
        outer: &'static CStr,
        inner: &'static CStr,
        held: Counter,
    }

    #[vtable]
    impl FenceContextOps for Inner {
        type FenceData = ();

        fn enable_signaling(&self, _data: &(), _seqno: u64) -> Option<Result> {
            if holds_lock(self.outer) && holds_lock(self.inner) {
                self.held.add();
            }
            None
        }
    }

    /// A context of [`Inner`], and its count.
    fn inner(outer: &'static CStr, inner: &'static CStr) -> Result<(FenceContext<Inner>, Counter)> {
        let held = Counter::new()?;
        let data = Inner {
            outer,
            inner,
            held: held.clone(),
        };

        Ok((context(inner, data)?, held))
    }

    fn context<T: FenceContextOps>(class: &CStr, data: T) -> Result<FenceContext<T>> {
        let options = ContextOptions::new().lock_class(LockClass::new(class)?);

        FenceContext::with_options(c"control", c"control", options, data)
    }

    #[test]
    fn order_that_a_callback_makes() -> Result {
        let outer = context(c"control outer", Mock)?;
        let (inner, held) = inner(c"control outer", c"control inner")?;
        let (first, second) = (next(&outer)?, next(&inner)?);
        let mut callback = registration()?;

        assert!(callback
            .as_mut()
            .register(first.as_fence(), Touch(second.fence()))
            .is_ok());
        first.signal(Ok(()));
        assert_eq!(held.get(), 1);
        second.signal(Ok(()));
        Ok(())
    }

    /// The core calls the operation in an RCU section; /proc/lockdep leaves out what
    /// is ordered across that.
    #[test]
    fn order_that_an_operation_makes() -> Result {
        let (targets, held) = inner(c"control proxy", c"control target")?;
        let target = next(&targets)?;
        let proxies = context(c"control proxy", Proxy(target.fence()))?;
        let proxy = next(&proxies)?;

        proxy.as_fence().enable_signaling();
        assert_eq!(held.get(), 1);
        target.signal(Ok(()));
        proxy.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn lock_before_a_reservation_object() -> Result {
        let outer = Arc::pin_init(new_mutex!((), "control before resv"), GFP_KERNEL)?;
        let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
        let guard = outer.lock();
        let locked = ResvGuard::lock(resv);
        let held = holds_lock(c"control before resv") && holds_lock(RESV);

        drop(locked);
        drop(guard);
        assert!(held);
        Ok(())
    }

    #[test]
    fn lock_before_reclaim() -> Result {
        let outer = Arc::pin_init(new_mutex!((), "control before reclaim"), GFP_KERNEL)?;
        let guard = outer.lock();
        let held = holds_lock(c"control before reclaim");
        let memory = KBox::new(0u8, GFP_KERNEL);

        drop(guard);
        assert!(held && memory.is_ok());
        Ok(())
    }

    #[test]
    fn lock_before_user_memory() -> Result {
        let outer = Arc::pin_init(new_mutex!((), "control before mmap"), GFP_KERNEL)?;
        let page = Page::map()?;
        let guard = outer.lock();
        let held = holds_lock(c"control before mmap");

        page.unmap();
        drop(guard);
        assert!(held);
        Ok(())
    }

    /// No task holds it while it waits for a fence.
    #[test]
    fn lock_in_a_section() -> Result {
        let inner = Arc::pin_init(new_mutex!((), "control in section"), GFP_KERNEL)?;

        let held = signalling(|_| {
            let _guard = inner.lock();

            holds_lock(c"dma_fence_map") && holds_lock(c"control in section")
        });
        assert!(held);
        Ok(())
    }

    #[test]
    fn wait_in_a_section_of_another_domain() -> Result {
        let (outer, inner) = (
            SignallingDomain::new(c"control outer domain")?,
            SignallingDomain::new(c"control inner domain")?,
        );
        let wait = FenceWait::new().allow_in_signalling().domain(inner);
        let (held, done) = outer.signalling(|_| {
            (
                holds_lock(c"control outer domain"),
                wait.wait(&Fence::stub()),
            )
        });

        assert!(held && done.is_ok());
        Ok(())
    }

    /// Which is none.
    #[test]
    fn section_in_a_section_of_another_domain() -> Result {
        let (one, two) = (
            SignallingDomain::new(c"control one domain")?,
            SignallingDomain::new(c"control other domain")?,
        );
        let lock = Arc::pin_init(new_mutex!((), "control in two domains"), GFP_KERNEL)?;

        for (outer, inner) in [(one, two), (two, one)] {
            let held = outer.signalling(|_| {
                inner.signalling(|_| {
                    let _guard = lock.lock();

                    holds_lock(c"control one domain")
                        && holds_lock(c"control other domain")
                        && holds_lock(c"control in two domains")
                })
            });
            assert!(held);
        }
        Ok(())
    }
}
