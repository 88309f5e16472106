// SPDX-License-Identifier: GPL-2.0

//! Each allocation of the library's calls is failed in turn: the call fails with `ENOMEM`, leaves
//! nothing, and works the next time.
//!
//! The kernel injects these faults once debugfs says that it may sleep for the allocations that it
//! fails (`failslab/ignore-gfp-wait`), as in suite `fault`.

use crate::prelude::*;

/// Makes the n-th allocation of this thread from here on fail; none, if `n` is 0. Returns how far
/// the last one was when this was called; 0 if it has come.
#[cfg(CONFIG_FAULT_INJECTION)]
fn fail_nth(n: u32) -> u32 {
    let task = kernel::current!().as_ptr();

    // SAFETY: Only this thread uses the field.
    unsafe {
        let field = &raw mut (*task).fail_nth;
        let left = field.read_volatile();

        field.write_volatile(n);
        left
    }
}

#[cfg(not(CONFIG_FAULT_INJECTION))]
fn fail_nth(_n: u32) -> u32 {
    1
}

/// Calls `f` with each of its allocations failing, and at last with none. Fails if `f` returns an
/// error though none failed, or another than `ENOMEM`. Returns how many failed.
fn in_turn<T>(what: &str, mut f: impl FnMut() -> Result<T>) -> Result<u32> {
    let mut refused = 0;

    for n in 1..1000 {
        fail_nth(n);
        let result = f();
        let has_failed = fail_nth(0) == 0;

        match result {
            // The kernel's own debugging allocates, too, and does without.
            Ok(_) if has_failed => {}
            Ok(_) => {
                pr_info!(
                    "{}: {} allocations failed, {} calls for it\n",
                    what,
                    n - 1,
                    refused
                );
                return Ok(n - 1);
            }
            Err(error) if has_failed && error == ENOMEM => refused += 1,
            Err(error) => {
                pr_err!("{}: {:?} in allocation {}\n", what, error, n);
                return Err(error);
            }
        }
    }
    pr_err!("{}: it does not end\n", what);
    Err(EOVERFLOW)
}

#[kunit_tests(rust_dma_buf_fault)]
mod tests {
    use super::*;
    use dma_buf::{
        array::FenceArrayAllocation,
        delegate::{
            Cleanup,
            CleanupWork,
            SignallingWork,
            Workqueue, //
        },
        SyncFileAllocation, //
    };

    /// Skips the test and returns `true` if the kernel does not inject faults.
    fn never_fails() -> bool {
        fail_nth(1);
        let memory = KBox::new(0, GFP_KERNEL);
        let has_failed = fail_nth(0) == 0;

        if !has_failed {
            skip("the kernel injects no faults");
        }
        drop(memory);
        !has_failed
    }

    struct Item {
        _data: Droppable,
    }

    impl Delegate for Item {
        fn run(&self, _section: &SignallingSection<'_>) {}
    }

    impl Cleanup for Item {
        fn run(&self) {}
    }

    /// A driver whose fences have data.
    struct Driver;

    #[vtable]
    impl FenceContextOps for Driver {
        type FenceData = Droppable;
    }

    #[test]
    fn contexts_and_fences() -> Result {
        if never_fails() {
            return Ok(());
        }
        let options = || -> Result<ContextOptions> {
            ContextOptions::new()
                .points()
                .timeout(Delta::from_millis(1000))
        };

        in_turn("FenceContext::new", fixture::context)?;
        in_turn("FenceContext::with_options", || {
            FenceContext::with_options(c"mock", c"points", options()?, Mock)
        })?;
        in_turn("ContextNumbers", || {
            ContextNumbers::new(10)?.context(c"mock", c"mock", ContextOptions::new(), Mock)
        })?;

        let (drops, mut made) = (Counter::new()?, 0);
        let driver = FenceContext::new(c"mock", c"mock", Driver)?;

        in_turn("new_fence_allocation", || {
            made += 1;
            driver.new_fence_allocation(Droppable(drops.clone()))
        })?;
        // Data whose fence could not be allocated is dropped as well.
        assert_eq!(drops.get(), made);
        in_turn("signaled_at", || Fence::signaled_at(Instant::now()))?;
        Ok(())
    }

    #[test]
    fn containers() -> Result {
        if never_fails() {
            return Ok(());
        }
        let fences = Fences::new(4)?;
        let leaves = || -> Result<_> {
            let mut leaves = KVec::with_capacity(4, GFP_KERNEL)?;

            for i in 0..4 {
                leaves.push(fences.leaf(i), GFP_KERNEL)?;
            }
            Ok(leaves)
        };
        let array = FenceArray::create(leaves()?)?;
        let link = FenceChainAllocation::new()?.append(None, array.clone(), 1);

        in_turn("FenceArray::create", || FenceArray::create(leaves()?))?;
        in_turn("FenceArrayAllocation", || {
            let mut array = FenceArrayAllocation::new(2)?;

            for i in 0..2 {
                assert!(array.push(fences.leaf(i)).is_ok());
            }
            array.build()
        })?;
        in_turn("FenceChainAllocation", FenceChainAllocation::new)?;
        in_turn("to_unwrapped", || link.to_unwrapped())?;
        in_turn("unwrap_merge", || unwrap_merge([&*link, fences.fence(0)]))?;
        in_turn("wait_any", || {
            match FenceWait::new()
                .timeout(Delta::ZERO)
                .wait_any(&[fences.fence(0), fences.fence(1)])
            {
                Err(WaitError::TimedOut) | Ok(_) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })?;
        in_turn("SyncFile", || SyncFile::new(&link))?;
        in_turn("SyncFileAllocation", SyncFileAllocation::new)?;
        Ok(())
    }

    #[test]
    fn delegates() -> Result {
        if never_fails() {
            return Ok(());
        }
        let (drops, mut made) = (Counter::new()?, 0);
        let mut item = || {
            made += 1;
            Item {
                _data: Droppable(drops.clone()),
            }
        };

        in_turn("IrqWork", || IrqWork::new(item()))?;
        in_turn("Timer", || Timer::new(item()))?;
        in_turn("SignallingWork", || SignallingWork::new(item()))?;
        in_turn("CleanupWork", || CleanupWork::new(item()))?;
        in_turn("FenceProxyAllocation", FenceProxyAllocation::<Mock>::new)?;
        in_turn("Workqueue", || Workqueue::new(c"fault"))?;
        in_turn("registration", || {
            KBox::pin_init(FenceCallbackRegistration::<Count>::new(), GFP_KERNEL)
        })?;
        assert!(eventually(|| drops.get() == made));
        Ok(())
    }

    #[test]
    fn reservation_objects() -> Result {
        if never_fails() {
            return Ok(());
        }
        let fences = Fences::new(20)?;
        let resv = object()?;
        let other = object()?;
        let all = unwrap_merge((0..20).map(|i| fences.fence(i)))?;

        in_turn("reserve", || {
            object()?.with_lock(|resv| resv.reserve(20).map(|_| ()))
        })?;
        in_turn("add_leaves", || {
            let resv = object()?;
            let result = resv.with_lock(|resv| resv.add_leaves(&all, ResvUsage::Read));
            let count = resv.with_lock(|resv| resv.fences(ResvUsage::Bookkeep).count());

            // All of them, or none.
            assert_eq!(count, if result.is_ok() { 20 } else { 0 });
            result
        })?;
        resv.with_lock(|resv| resv.add_leaves(&all, ResvUsage::Read))?;
        in_turn("add_fences_from", || {
            let copy = object()?;

            copy.with_lock(|copy| copy.add_fences_from(&resv))
        })?;
        in_turn("get_fences", || resv.get_fences(ResvUsage::Bookkeep))?;
        in_turn("get_singleton", || resv.get_singleton(ResvUsage::Bookkeep))?;
        in_turn("ResvSet", || {
            let mut set = ResvSet::new();

            set.push(resv.clone())?;
            set.push(other.clone())?;
            set.lock().reserve().map(|_| ())
        })?;
        assert!(!resv.is_locked() && !other.is_locked());
        Ok(())
    }

    /// A fence whose neighbours could not be made signals as any.
    #[test]
    fn a_fence_beside_those_that_were_not_made() -> Result {
        if never_fails() {
            return Ok(());
        }
        let (context, first) = fixture::fence()?;

        in_turn("new_fence", || {
            next(&context).map(|fence| fence.signal(Ok(())))
        })?;
        let drops = Counter::new()?;

        drop(Droppable(drops.clone()));
        assert!(once(&drops));
        first.signal(Ok(()));
        assert!(context.first_pending_seqno().is_none());
        Ok(())
    }
}
