// SPDX-License-Identifier: GPL-2.0

//! The kernel's dma-buf-fence-unwrap suite, case by case, through the Rust API.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_fence_unwrap)]
mod tests {
    use super::*;

    /// Fences that somebody waits for.
    fn enabled(count: usize) -> Result<Fences> {
        let fences = Fences::new(count)?;

        for index in 0..count {
            fences.fence(index).enable_signaling();
        }
        Ok(fences)
    }

    fn array<const N: usize>(fences: [ARef<Leaf>; N]) -> Result<UnwrappedFence> {
        let mut leaves = KVec::new();

        for fence in fences {
            leaves.push(fence, GFP_KERNEL)?;
        }
        FenceArray::create(leaves)
    }

    /// A link at point 1.
    fn chain(prev: Option<ARef<Fence>>, fence: impl Into<UnwrappedFence>) -> Result<ARef<Fence>> {
        let link = FenceChainAllocation::new()?.append(prev, fence, 1);

        Ok(FenceChain::into_fence(link))
    }

    /// Whether the leaves are these, in whatever order.
    fn sees(fence: &Fence, expected: &[&Fence]) -> bool {
        leaves(fence).is_ok_and(|found| {
            found.len() == expected.len()
                && expected
                    .iter()
                    .all(|leaf| found.iter().any(|found| is_same(found, leaf)))
        })
    }

    #[test]
    fn test_sanitycheck() -> Result {
        let f = enabled(1)?;
        // In C an array of one; here one fence is its own array.
        let array = array([f.leaf(0)])?;
        let chain = chain(None, array)?;

        assert!(sees(&chain, &[f.fence(0)]));
        Ok(())
    }

    #[test]
    fn test_unwrap_array() -> Result {
        let f = enabled(2)?;
        let array = array([f.leaf(0), f.leaf(1)])?;

        assert!(sees(&array, &[f.fence(0), f.fence(1)]));
        Ok(())
    }

    #[test]
    fn test_unwrap_chain() -> Result {
        let f = enabled(2)?;
        let chain = chain(Some(fence(f.fence(0))), f.leaf(1))?;

        assert!(sees(&chain, &[f.fence(0), f.fence(1)]));
        Ok(())
    }

    #[test]
    fn test_unwrap_chain_array() -> Result {
        let f = enabled(2)?;
        let array = array([f.leaf(0), f.leaf(1)])?;
        let chain = chain(None, array)?;

        assert!(sees(&chain, &[f.fence(0), f.fence(1)]));
        Ok(())
    }

    #[test]
    fn test_unwrap_merge() -> Result {
        let f = enabled(2)?;
        let merged = unwrap_merge([f.fence(0), f.fence(1)])?;

        assert!(sees(&merged, &[f.fence(0), f.fence(1)]));
        Ok(())
    }

    #[test]
    fn test_unwrap_merge_duplicate() -> Result {
        let f = enabled(1)?;
        let merged = unwrap_merge([f.fence(0), f.fence(0)])?;

        assert!(sees(&merged, &[f.fence(0)]));
        Ok(())
    }

    #[test]
    fn test_unwrap_merge_seqno() -> Result {
        let (low, high) = (fixture::context()?, fixture::context()?);
        let (f1, f2, f3) = (next(&high)?, next(&high)?, next(&low)?);

        for fence in [&f1, &f2, &f3] {
            fence.as_fence().enable_signaling();
        }
        let merged = unwrap_merge([f1.as_fence(), f2.as_fence(), f3.as_fence()])?;

        assert!(has_leaves(&merged, &[f3.as_fence(), f2.as_fence()]));
        for fence in [f1, f2, f3] {
            fence.signal(Ok(()));
        }
        Ok(())
    }

    #[test]
    fn test_unwrap_merge_order() -> Result {
        let f = enabled(2)?;
        let array = array([f.leaf(0), f.leaf(1)])?;
        // The same fences, in opposite order.
        let first = chain(None, f.leaf(0))?;
        let second = chain(Some(first), f.leaf(1))?;
        let merged = unwrap_merge([&*array, &second])?;

        assert!(has_leaves(&merged, &[f.fence(0), f.fence(1)]));
        Ok(())
    }

    #[test]
    fn test_unwrap_merge_complex() -> Result {
        let f = enabled(2)?;
        let merged = unwrap_merge([f.fence(0), f.fence(1)])?;
        let reversed = array([f.leaf(1), f.leaf(0)])?;
        let both = unwrap_merge([&*merged, &reversed, &Fence::stub()])?;

        assert!(sees(&both, &[f.fence(0), f.fence(1)]));
        Ok(())
    }

    #[test]
    fn test_unwrap_merge_complex_seqno() -> Result {
        let (low, high) = (fixture::context()?, fixture::context()?);
        // In the order of their numbers.
        let (f3, f1) = (next(&low)?, next(&low)?);
        let (f2, f4) = (next(&high)?, next(&high)?);

        for fence in [&f1, &f2, &f3, &f4] {
            fence.as_fence().enable_signaling();
        }
        let f5 = array([f1.leaf(), f2.leaf()])?;
        let f6 = array([f3.leaf(), f4.leaf()])?;
        let f7 = unwrap_merge([&*f5, &f6])?;

        assert!(has_leaves(&f7, &[f1.as_fence(), f4.as_fence()]));
        for fence in [f3, f1, f2, f4] {
            fence.signal(Ok(()));
        }
        Ok(())
    }
}
