// SPDX-License-Identifier: GPL-2.0

//! The kernel's dma-buf-fence-chain suite, case by case, through the Rust API.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_fence_chain)]
mod tests {
    use super::*;
    use crate::fixture::workqueue::Workqueue;

    /// As long as in C.
    const LENGTH: usize = 4096;

    /// When all n links are waited for, and the fences signal from the last to the
    /// first, n * n / 2 irq_works run: of 4096 links, for minutes under emulation.
    const LENGTH_BACKWARD: usize = 256;

    /// A chain, each link of which is waited for, as in C.
    fn chain(length: usize, point: impl Fn(u64) -> u64) -> Result<Chain> {
        let chain = Chain::new(length, point)?;

        for link in &chain.links {
            link.enable_signaling();
        }
        Ok(chain)
    }

    fn seqno_inc(index: u64) -> u64 {
        index + 1
    }

    fn seqno_inc2(index: u64) -> u64 {
        2 * index + 2
    }

    /// Whether `link` stands for the point.
    fn finds(tail: &Fence, point: u64, link: &Fence) -> bool {
        matches!(tail.find_seqno(point), Ok(Some(found)) if is_same(&found, link))
    }

    #[test]
    fn test_sanitycheck() -> Result {
        let (_context, driver) = fixture::fence()?;
        let chain = FenceChainAllocation::new()?.append(None, driver.leaf(), 1);

        chain.enable_signaling();
        driver.signal(Ok(()));
        assert!(eventually(|| chain.test_signaled_flag()));
        Ok(())
    }

    #[test]
    fn test_find_seqno() -> Result {
        let chain = chain(64, seqno_inc)?;

        assert!(chain.tail().find_seqno(0).is_ok());
        for (index, link) in chain.links.iter().enumerate() {
            let point = seqno_inc(index as u64);

            assert!(finds(chain.tail(), point, link));
            // Itself.
            assert!(finds(link, point, link));
            // One of the future.
            assert_eq!(link.find_seqno(point + 1).map(|_| ()), Err(EINVAL));
            // The one before; point 0 is the link itself.
            assert!(finds(
                link,
                point - 1,
                &chain.links[index.saturating_sub(1)]
            ));
        }
        Ok(())
    }

    #[test]
    fn test_find_signaled() -> Result {
        let chain = chain(2, seqno_inc)?;

        chain.fences.signal(0);
        // C takes the signalled link itself for an answer, too.
        assert!(matches!(chain.tail().find_seqno(1), Ok(None)));
        Ok(())
    }

    #[test]
    fn test_find_out_of_order() -> Result {
        let chain = chain(3, seqno_inc)?;

        chain.fences.signal(1);
        // The point means all fences up to it, and the first one is pending.
        assert!(finds(chain.tail(), 2, &chain.links[0]));
        Ok(())
    }

    #[test]
    fn test_find_gap() -> Result {
        let chain = chain(64, seqno_inc2)?;

        for (index, link) in chain.links.iter().enumerate() {
            let point = seqno_inc2(index as u64);

            assert!(finds(chain.tail(), point - 1, link));
            assert!(finds(link, point, link));
        }
        Ok(())
    }

    /// Looks for points and signals fences, but never the last one.
    fn find_and_signal(
        chain: &Chain,
        stop: &Atomic<bool>,
        rounds: &Counter,
        mut random: Random,
    ) -> Result {
        while !stop.load(Acquire) {
            let point = 1 + random.below(LENGTH) as u64;

            if let Some(found) = chain.tail().find_seqno(point)? {
                // What was found at the point finds itself.
                ensure!(found.seqno() != point || found.find_seqno(point).is_ok());
            }
            chain.fences.signal(random.below(LENGTH - 1));
            rounds.add();
        }
        Ok(())
    }

    #[test]
    fn test_find_race() -> Result {
        if !possible() {
            return Ok(());
        }
        let chain = Arc::new(chain(LENGTH, seqno_inc)?, GFP_KERNEL)?;
        let stop = Arc::new(Atomic::new(false), GFP_KERNEL)?;
        let good = Counter::new()?;
        let rounds = [Counter::new()?, Counter::new()?];
        let queue = Workqueue::new()?;

        for cpu in 0..2 {
            let (chain, stop, good) = (chain.clone(), stop.clone(), good.clone());
            let rounds = rounds[cpu as usize].clone();

            queue.spawn_on(cpu, move || {
                if find_and_signal(&chain, &stop, &rounds, Random(cpu)).is_ok() {
                    good.add();
                }
            })?;
        }
        // C has it run for five seconds, and on each CPU. Here it is on two CPUs, and as
        // long as other races: 300 ms, if the module is not told otherwise.
        fsleep(duration());
        let both = eventually(|| rounds.iter().all(|n| n.get() >= 100));
        stop.store(true, Release);
        drop(queue);
        assert!(both);
        assert_eq!(good.get(), 2);
        assert!(!chain.tail().is_signaled());
        Ok(())
    }

    #[test]
    fn test_signal_forward() -> Result {
        let chain = chain(64, seqno_inc)?;

        for index in 0..64 {
            chain.fences.signal(index);
            assert!(chain.links[index].is_signaled());
            assert!(chain
                .links
                .get(index + 1)
                .is_none_or(|link| !link.is_signaled()));
        }
        Ok(())
    }

    #[test]
    fn test_signal_backward() -> Result {
        let chain = chain(64, seqno_inc)?;

        for index in (0..64).rev() {
            chain.fences.signal(index);
            assert!(index == 0 || !chain.links[index].is_signaled());
        }
        for link in &chain.links {
            assert!(link.is_signaled());
        }
        Ok(())
    }

    /// Has another thread wait for the tail, while the fences signal in this order.
    fn wait_while_signalling(chain: &Chain, order: impl Iterator<Item = usize>) -> Result {
        let (waiting, woken) = (Counter::new()?, Counter::new()?);
        let queue = Workqueue::new()?;

        {
            let tail = fence(chain.tail());
            let (waiting, woken) = (waiting.clone(), woken.clone());

            queue.spawn_on(0, move || {
                waiting.add();
                if tail.wait_timeout(bound()).is_ok() {
                    woken.add();
                }
            })?;
        }
        ensure!(eventually(|| waiting.get() == 1));
        for index in order {
            chain.fences.signal(index);
        }
        drop(queue);
        ensure!(woken.get() == 1);
        Ok(())
    }

    #[test]
    fn test_wait_forward() -> Result {
        let chain = chain(LENGTH, seqno_inc)?;

        assert!(wait_while_signalling(&chain, 0..LENGTH).is_ok());
        Ok(())
    }

    #[test]
    fn test_wait_backward() -> Result {
        let chain = chain(LENGTH_BACKWARD, seqno_inc)?;

        assert!(wait_while_signalling(&chain, (0..LENGTH_BACKWARD).rev()).is_ok());
        Ok(())
    }

    #[test]
    fn test_wait_random() -> Result {
        let chain = chain(LENGTH, seqno_inc)?;
        let mut random = Random(1);
        let mut order = KVVec::with_capacity(LENGTH, GFP_KERNEL)?;

        for index in 0..LENGTH {
            order.push(index, GFP_KERNEL)?;
        }
        for last in (1..LENGTH).rev() {
            order.swap(last, random.below(last + 1));
        }
        assert!(wait_while_signalling(&chain, order.iter().copied()).is_ok());
        Ok(())
    }
}
