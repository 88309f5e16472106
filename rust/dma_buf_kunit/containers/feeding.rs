// SPDX-License-Identifier: GPL-2.0

//! What a foreign driver nests in containers of ours, and the reverse: whatever is
//! ours is waited for as a whole.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_feeding)]
mod tests {
    use super::*;
    use crate::fixture::foreign::{
        self,
        Device, //
    };

    /// Whether a fence of ours signals with the leaves of theirs, waited for as a
    /// whole.
    fn signals_with(device: &Device, ours: &Fence) -> Result {
        let seen = Counter::new()?;
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(ours, Count(seen.clone()))
            .map_err(|_| EBUSY)?;
        device.signal_up_to(device.last() - 1, Ok(()));
        ensure!(ours.wait_timeout(Delta::from_millis(1)) == Err(WaitError::TimedOut));
        ensure!(seen.get() == 0);
        device.signal_up_to(u64::MAX, Ok(()));
        ensure!(ours.wait_timeout(bound()).is_ok());
        ensure!(eventually(|| seen.get() == 1));
        Ok(())
    }

    #[test]
    fn theirs_goes_into_our_chain() -> Result {
        assert!(each(|device, nested| {
            let first = FenceChainAllocation::new()?.append(None, nested.to_unwrapped()?, 1);
            let second = FenceChainAllocation::new()?.append(
                Some((&**first).into()),
                nested.to_unwrapped()?,
                2,
            );

            ensure!(second.context() == first.context());
            signals_with(device, &second)
        })
        .is_ok());
        Ok(())
    }

    #[test]
    fn theirs_goes_into_our_array() -> Result {
        assert!(each(|device, nested| {
            let mut leaves = leaves(nested)?;

            dedup_array(&mut leaves);
            let array = FenceArray::create(leaves)?;
            ensure!(array
                .as_array()
                .is_some_and(|array| array.len() == RINGS as usize));
            signals_with(device, &array)
        })
        .is_ok());
        Ok(())
    }

    /// A foreign timeline with nothing against the rules goes on as ours.
    #[test]
    fn our_link_comes_after_their_chain() -> Result {
        let device = Device::new(RINGS)?;

        for shape in [Shape::FOREIGN_CHAIN, Shape::FOREIGN_CHAIN_OF_ARRAYS] {
            let tail = device.nest(shape, 8)?;
            let last = device.submit()?.to_unwrapped()?;
            let ours = FenceChainAllocation::new()?.append(Some(tail.clone()), last, 20);

            assert_eq!(ours.context(), tail.context());
            assert!(ours.find_seqno(3)?.is_some_and(|link| link.seqno() == 3));
            assert!(signals_with(&device, &ours).is_ok());
            assert!(ours.find_seqno(3)?.is_none());
        }
        Ok(())
    }

    /// Whatever the tail is that they hand over, our link comes after it. What is
    /// against the rules in it is walked past, and never asked as a whole.
    #[test]
    fn our_link_comes_after_whatever_they_nest() -> Result {
        assert!(each(|device, nested| {
            let is_allowed = nested
                .as_chain()
                .is_some_and(|link| !link.contained().is_chain());
            let (theirs, visited) = (device.last(), length(nested));
            let ours = FenceChainAllocation::new()?.append(
                Some(nested.into()),
                device.submit()?.to_unwrapped()?,
                100,
            );

            ensure!(ours.prev().is_some_and(|prev| is_same(&prev, nested)));
            ensure!((ours.context() == nested.context()) == nested.is_chain());
            ensure!(length(&ours) == visited + 1);
            ensure!(leaves(&ours)?.len() as u64 == theirs + 1);
            device.signal_up_to(theirs, Ok(()));
            // Not asked, it is taken for pending, and stays.
            ensure!(length(&ours) == if is_allowed { 1 } else { 2 });
            let unwrapped = ours.to_unwrapped()?;
            ensure!(unwrapped.wait_timeout(Delta::from_millis(1)) == Err(WaitError::TimedOut));
            device.signal_up_to(u64::MAX, Ok(()));
            ensure!(unwrapped.wait_timeout(bound()).is_ok());
            Ok(())
        })
        .is_ok());
        Ok(())
    }

    /// Our array, and our chain, in an array of theirs, which is then in our chain:
    /// each time around, flat.
    #[test]
    fn ours_goes_into_theirs() -> Result {
        let device = Device::new(1)?;
        let f = Fences::new(4)?;
        let array = f.array()?;
        let chain = FenceChainAllocation::new()?.append(Some(f.fence(2).into()), f.leaf(3), 1);
        let job = device.submit()?;
        let theirs = foreign::array([
            array.into_fence(),
            FenceChain::into_fence(chain),
            job.clone(),
        ])?;
        let theirs = foreign::link(Some(job.clone()), theirs, 1)?;

        assert!(has_leaves(
            &theirs,
            // What is nested comes after the chain that it is nested in.
            &[
                &job,
                &job,
                f.fence(3),
                f.fence(2),
                f.fence(0),
                f.fence(1),
                f.fence(2),
                f.fence(3)
            ]
        ));
        let ours = FenceChainAllocation::new()?.append(None, theirs.to_unwrapped()?, 1);
        assert_eq!(
            ours.contained().as_array().map_or(0, |array| array.len()),
            5
        );
        for index in 0..4 {
            f.signal(index);
            assert_eq!(
                theirs.to_unwrapped()?.wait_timeout(Delta::from_millis(1)),
                Err(WaitError::TimedOut)
            );
        }
        assert!(signals_with(&device, &ours).is_ok());
        assert!(theirs.to_unwrapped()?.wait().is_ok());
        Ok(())
    }

    /// Ours in theirs, as the kernel allows it: waited for as a whole.
    /// A driver may give an array the context number of the fence that is in it.
    #[test]
    fn their_array_of_our_number_is_not_taken_for_ours() -> Result {
        struct Ring;

        #[vtable]
        impl FenceContextOps for Ring {
            type FenceData = u64;
        }

        let numbers = ContextNumbers::<Ring>::new(1)?;
        let ring = numbers.context(c"mock", c"numbered", ContextOptions::new(), Ring)?;
        let job = ring.new_fence(ring.new_fence_allocation(7)?);
        let fence = job.fence();
        let array = foreign::array_of(fence.context(), [fence.clone()])?;

        assert_eq!(array.context(), fence.context());
        assert_eq!(numbers.data(&array), None);
        assert_ne!(job.signal(Ok(())), SignalOutcome::TooLate);
        array.wait_timeout(bound()).map_err(|_| ETIME)?;
        assert_eq!(numbers.data(&array), None);
        assert_eq!(numbers.data(&fence), Some(&7));
        Ok(())
    }

    #[test]
    fn our_array_goes_into_their_link() -> Result {
        let device = Device::new(1)?;
        let f = Fences::new(2)?;
        let first = foreign::link(None, f.array()?.into_fence(), 1)?;
        let second = foreign::link(Some(first), device.submit()?, 2)?;

        second.enable_signaling();
        device.signal_up_to(1, Ok(()));
        assert_eq!(
            second.wait_timeout(Delta::from_millis(1)),
            Err(WaitError::TimedOut)
        );
        f.signal(1);
        f.signal(0);
        assert!(second.wait_timeout(bound()).is_ok());
        Ok(())
    }
}
