// SPDX-License-Identifier: GPL-2.0

//! Orders of lock classes, made on purpose: what lockdep's record must show if it is
//! to be believed when it shows no others.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_order_control)]
mod tests {
    use super::*;
    use crate::fixture::{
        holds_lock,
        next,
        registration,
        Counter,
        Mock, //
    };
    use dma_buf::{
        callback::FenceCallback,
        ContextOptions,
        Fence,
        FenceContext,
        FenceContextOps,
        LockClass, //
    };
    use kernel::sync::aref::ARef;

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
}
