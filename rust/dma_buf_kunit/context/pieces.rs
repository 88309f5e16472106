// SPDX-License-Identifier: GPL-2.0

//! Timelines on which much is pending: what is done to them is done in pieces.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_pieces)]
mod tests {
    use super::*;

    /// Some pieces, and not whole ones.
    const MANY: u64 = 1000;

    /// More than one piece, for what is done over and over.
    const FEW: u64 = 300;

    type Fences = KVec<ARef<Fence>>;

    fn left(context: &FenceContext<Mock>, seqno: u64) -> Result<ARef<Fence>> {
        let memory = context.new_fence_allocation(())?;

        Ok(context.new_fence_at(memory, seqno)?.detach())
    }

    /// Publishes `count` fences with the even numbers from 2 on, the last one first.
    fn some_downwards(context: &FenceContext<Mock>, count: u64) -> Result<Fences> {
        let mut fences = KVec::new();

        for n in (1..=count).rev() {
            fences.push(left(context, 2 * n)?, GFP_KERNEL)?;
        }
        Ok(fences)
    }

    fn downwards(context: &FenceContext<Mock>) -> Result<Fences> {
        some_downwards(context, MANY)
    }

    /// The numbers of what is pending rise, and are so many.
    fn is_in_order(context: &FenceContext<Mock>, count: u64) -> Result<bool> {
        let mut pending = KVec::with_capacity(2 * MANY as usize, GFP_KERNEL)?;

        context.pending(&mut pending);
        Ok(pending.len() as u64 == count
            && pending
                .windows(2)
                .all(|pair| pair[0].seqno() < pair[1].seqno()))
    }

    #[test]
    fn points_find_their_place_far_down() -> Result {
        let context = fixture::points()?;
        let _fences = downwards(&context)?;
        let mut odd: Fences = KVec::new();

        assert!(is_in_order(&context, MANY)?);
        for seqno in [1, 3, MANY + 1, 2 * MANY - 1, 2 * MANY + 1] {
            odd.push(left(&context, seqno)?, GFP_KERNEL)?;
        }
        assert!(is_in_order(&context, MANY + 5)?);
        assert_eq!(context.signal_up_to(3), 3);
        assert_eq!(odd[1].status(), FenceStatus::Signaled);
        assert_eq!(odd[2].status(), FenceStatus::Pending);
        assert!(is_in_order(&context, MANY + 2)?);
        context.cancel_all(ECANCELED);
        Ok(())
    }

    #[test]
    fn pending_point_is_found() -> Result {
        let context = fixture::points()?;
        let fences = downwards(&context)?;

        for n in [1, MANY / 2, MANY] {
            let fence = context.find_pending(2 * n).ok_or(EINVAL)?;

            assert!(core::ptr::eq(&*fence, &*fences[(MANY - n) as usize]));
            assert!(context.find_pending(2 * n - 1).is_none());
        }
        assert!(context.find_pending(0).is_none());
        assert!(context.find_pending(u64::MAX).is_none());

        let last = left(&context, 4)?;
        let found = context.find_pending(4).ok_or(EINVAL)?;
        assert!(core::ptr::eq(&*found, &*last));
        context.signal_up_to(4);
        assert!(context.find_pending(4).is_none());
        assert!(context.find_pending(6).is_some());
        context.cancel_all(ECANCELED);
        Ok(())
    }

    #[test]
    fn some_are_signalled_and_the_rest_is_not() -> Result {
        let context = fixture::points()?;
        let fences = downwards(&context)?;
        // The one with this number is the so-manieth from the end.
        let status = |n: u64| fences[(MANY - n) as usize].status();

        assert_eq!(context.signal_up_to(600), 300);
        assert_eq!(status(300), FenceStatus::Signaled);
        assert_eq!(status(301), FenceStatus::Pending);
        assert_eq!(context.first_pending_seqno(), Some(602));
        assert_eq!(context.cancel_up_to(800, EIO), 100);
        assert_eq!(status(400), FenceStatus::Error(EIO));
        assert_eq!(status(401), FenceStatus::Pending);
        assert_eq!(context.signal_up_to(800), 0);
        // All up to there have passed, and the next have not.
        assert_eq!(left(&context, 799)?.status(), FenceStatus::Signaled);
        assert_eq!(left(&context, 801)?.status(), FenceStatus::Pending);
        assert_eq!(context.cancel_all(ECANCELED), 601);
        assert_eq!(context.first_pending_seqno(), None);
        Ok(())
    }

    #[test]
    fn equal_points_are_not_parted() -> Result {
        let context = fixture::points()?;
        let mut fences: Fences = KVec::new();

        for seqno in [1, 2, 2, 2, 2, 3] {
            fences.push(left(&context, seqno)?, GFP_KERNEL)?;
        }
        assert_eq!(context.signal_up_to(2), 5);
        assert_eq!(fences[4].status(), FenceStatus::Signaled);
        assert_eq!(fences[5].status(), FenceStatus::Pending);
        assert_eq!(context.signal_up_to(3), 1);
        Ok(())
    }

    #[test]
    fn what_was_done_signals_with_the_first() -> Result {
        let context = fixture::context()?;
        let first = fixture::next(&context)?;
        let mut fences: Fences = KVec::new();

        for _ in 0..MANY {
            let done = fixture::next(&context)?;

            fences.push(done.fence(), GFP_KERNEL)?;
            assert_ne!(done.signal(Err(EIO)), SignalOutcome::TooLate);
        }
        assert!(!fences[0].test_signaled_flag());
        assert_ne!(first.signal(Ok(())), SignalOutcome::TooLate);
        assert!(fences[0].test_signaled_flag());
        // The others do soon.
        assert!(eventually(|| fences[MANY as usize - 1].test_signaled_flag()));
        assert!(fences
            .iter()
            .all(|fence| fence.status() == FenceStatus::Error(EIO)));
        Ok(())
    }

    /// As it is a whole number of pieces, nothing is left of it.
    #[test]
    fn whole_pieces_that_were_done() -> Result {
        let context = fixture::context()?;
        let first = fixture::next(&context)?;
        let mut done: KVec<DriverFence<Mock>> = KVec::new();

        for _ in 0..512 {
            done.push(fixture::next(&context)?, GFP_KERNEL)?;
        }
        let pending = fixture::next(&context)?;
        let last = done.last().ok_or(EINVAL)?.fence();
        for fence in done {
            fence.signal(Ok(()));
        }
        assert_ne!(first.signal(Ok(())), SignalOutcome::TooLate);
        assert!(eventually(|| last.test_signaled_flag()));
        assert_eq!(pending.as_fence().status(), FenceStatus::Pending);
        assert_ne!(pending.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    /// A context with a bound, and what `publish` puts there, all of it before the bound
    /// of the first: a longer one if a guest was too slow for that.
    fn bound(
        options: ContextOptions,
        publish: impl Fn(&FenceContext<Mock>) -> Result<Fences>,
    ) -> Result<(FenceContext<Mock>, Fences)> {
        for ms in [100, 500, 2500, 12500] {
            let options = options.timeout(Delta::from_millis(ms))?;
            let context = FenceContext::with_options(c"mock", c"bound", options, Mock)?;
            let fences = publish(&context)?;

            if !fences.iter().any(|fence| fence.test_signaled_flag()) {
                return Ok((context, fences));
            }
        }
        Err(ETIME)
    }

    /// In order, and no other error than that of the bound.
    fn have_expired(fences: &[ARef<Fence>]) -> bool {
        fences
            .iter()
            .all(|fence| fence.status() == FenceStatus::Error(ETIME))
            && fences
                .windows(2)
                .all(|pair| match (pair[0].timestamp(), pair[1].timestamp()) {
                    (Some(a), Some(b)) => !(b - a).is_negative(),
                    _ => false,
                })
    }

    #[test]
    fn bound_completes_many() -> Result {
        let (_context, fences) = bound(ContextOptions::new(), |context| {
            let mut fences = KVec::new();

            for _ in 0..MANY {
                let memory = context.new_fence_allocation(())?;

                fences.push(context.new_fence(memory).detach(), GFP_KERNEL)?;
            }
            Ok(fences)
        })?;

        assert!(eventually(|| fences
            .iter()
            .all(|fence| fence.test_signaled_flag())));
        assert!(have_expired(&fences));
        Ok(())
    }

    /// What is done behind a whole piece that expires signals with it, long before its own
    /// bound.
    #[test]
    fn done_one_behind_a_whole_piece_that_expires() -> Result {
        let bound = Delta::from_millis(500);

        // A guest may stand still meanwhile: once more.
        for _ in 0..20 {
            let options = ContextOptions::new().timeout(bound)?;
            let context = FenceContext::with_options(c"mock", c"bound", options, Mock)?;

            for _ in 0..256 {
                drop(fixture::next(&context)?.detach());
            }
            fsleep(Delta::from_millis(250));
            let last = fixture::next(&context)?;
            let (done, end) = (last.fence(), Instant::<Monotonic>::now() + bound);

            assert_ne!(last.signal(Ok(())), SignalOutcome::TooLate);
            assert!(eventually(|| done.test_signaled_flag()));
            if done.status() == FenceStatus::Signaled && (end - Instant::now()).as_nanos() > 0 {
                return Ok(());
            }
        }
        Err(ETIME)
    }

    #[test]
    fn bound_completes_many_points() -> Result {
        let (context, mut fences) = bound(ContextOptions::new().points(), downwards)?;

        assert!(eventually(|| fences
            .iter()
            .all(|fence| fence.test_signaled_flag())));
        fences.reverse();
        assert!(have_expired(&fences));
        // It is not asleep.
        let last = left(&context, 3 * MANY)?;
        assert!(eventually(|| last.test_signaled_flag()));
        assert_eq!(last.status(), FenceStatus::Error(ETIME));
        Ok(())
    }

    /// A context that goes while the timer has something left to look at.
    #[test]
    fn context_goes_amid_the_bound() -> Result {
        let mut amid = 0;

        // The timer may be done with all of it by then: once more.
        for _ in 0..20 {
            let (context, fences) = bound(ContextOptions::new().points(), downwards)?;

            assert!(eventually(|| fences
                .iter()
                .any(|fence| fence.test_signaled_flag())));
            drop(context);
            assert!(fences.iter().all(|fence| fence.test_signaled_flag()));
            let left = |fence: &ARef<Fence>| fence.status() == FenceStatus::Error(ECANCELED);
            amid += i32::from(fences.iter().any(left));
            if amid == 3 {
                return Ok(());
            }
        }
        Err(ETIME)
    }

    /// What is below has passed while the place of a point is looked for.
    #[test]
    fn place_is_looked_for_while_points_signal() -> Result {
        race(
            || {
                let context = Arc::new(fixture::points()?, GFP_KERNEL)?;
                let fences = some_downwards(&context, FEW)?;
                // Not in the race, which it would lose.
                let memory = context.new_fence_allocation(())?;

                Ok(((context.clone(), memory, fences), context))
            },
            |(context, memory, fences)| {
                let late = context.new_fence_at(memory, 3);

                (late.map(|late| late.detach()), fences)
            },
            |context| context.signal_up_to(2 * FEW),
            |(late, fences), count| {
                let late = late?;

                // Where others are just signalling, it does so soon after.
                ensure!(eventually(|| late.test_signaled_flag()));
                ensure!(late.status() == FenceStatus::Signaled);
                ensure!(fences
                    .iter()
                    .all(|fence| fence.status() == FenceStatus::Signaled));
                // Or it came when the others had passed.
                ensure!(count as u64 == FEW || count as u64 == FEW + 1);
                Ok(())
            },
        )
    }
}
