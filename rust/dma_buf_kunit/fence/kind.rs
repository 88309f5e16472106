// SPDX-License-Identifier: GPL-2.0

//! What a fence is, and what goes by its kind.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_kind)]
mod tests {
    use super::*;
    use crate::fixture::raw::foreign;
    use dma_buf::FenceKind;

    /// Whether all that can be asked says that the fence is this: a leaf (0), an
    /// array (1) or a link (2).
    fn is(fence: &Fence, kind: usize) -> bool {
        let by_kind = match fence.kind() {
            FenceKind::Leaf(leaf) => (0, is_same(leaf, fence)),
            FenceKind::Array(array) => (1, is_same(array, fence)),
            FenceKind::Chain(chain) => (2, is_same(chain, fence)),
        };

        by_kind == (kind, true)
            && fence.as_leaf().is_some_and(|leaf| is_same(leaf, fence)) == (kind == 0)
            && fence.as_array().is_some_and(|array| is_same(array, fence)) == (kind == 1)
            && fence.as_chain().is_some_and(|chain| is_same(chain, fence)) == (kind == 2)
            && fence.is_array() == (kind == 1)
            && fence.is_chain() == (kind == 2)
            && fence.is_container() == (kind != 0)
    }

    #[test]
    fn stays_the_same_when_it_signals() -> Result {
        let f = Fences::new(2)?;
        let array = f.array()?;
        let chain = FenceChainAllocation::new()?.append(None, array.clone(), 1);
        let (theirs, signal) = foreign(1, 1)?;

        for _ in 0..2 {
            assert!(is(f.fence(0), 0) && is(&theirs, 0) && is(&Fence::stub(), 0));
            assert!(is(&array, 1));
            assert!(is(&chain, 2));
            f.signal(0);
            f.signal(1);
            assert!(array.is_signaled() && chain.is_signaled());
        }
        signal();
        assert!(is(&theirs, 0));
        Ok(())
    }

    /// Whatever the type of a reference, it is one, and to the same fence.
    #[test]
    fn reference_of_any_type_counts_the_fence() -> Result {
        let f = Fences::new(2)?;
        let before = references(f.fence(0));
        let leaf: ARef<Leaf> = f.leaf(0);
        let again = leaf.clone();

        assert_eq!(references(f.fence(0)), before + 2);
        let flat = UnwrappedFence::from(again);
        assert!(is_same(&Leaf::into_fence(leaf), f.fence(0)));
        assert_eq!(references(f.fence(0)), before + 1);
        let both = flat.clone();
        assert_eq!(references(f.fence(0)), before + 2);
        drop(flat);
        assert!(is_same(&ARef::<Fence>::from(both), f.fence(0)));
        assert_eq!(references(f.fence(0)), before);

        let array = f.array()?;
        let Some(typed) = array.as_array().map(ARef::<FenceArray>::from) else {
            return Err(EINVAL);
        };
        assert_eq!(references(&array), 2);
        drop(array);
        assert_eq!(references(&typed), 1);
        let array = FenceArray::into_fence(typed);
        assert_eq!(references(&array), 1);
        assert!(array.is_array());

        let link = FenceChainAllocation::new()?.append(None, f.leaf(1), 1);
        assert_eq!(references(&link), 1);
        let link = FenceChain::into_fence(link);
        assert_eq!(references(&link), 1);
        assert!(link.is_chain());
        Ok(())
    }
}
