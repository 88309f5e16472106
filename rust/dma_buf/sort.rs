// SPDX-License-Identifier: GPL-2.0

//! Sorting without recursion.

/// Sorts by a key: a Shellsort with Knuth's gaps, which takes O(n^1.5) steps.
///
/// `sort_unstable()` of `core` recurses and needs more stack than the kernel has. The kernel's
/// `sort()` calls a function for each comparison: `dma_fence_dedup_array()`, which uses it, takes
/// nearly three times as long as with this.
#[inline]
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    let mut gap = 1;

    while gap < items.len() / 3 {
        gap = 3 * gap + 1;
    }
    while gap > 0 {
        for index in gap..items.len() {
            let this = key(&items[index]);
            let mut at = index;

            while at >= gap && key(&items[at - gap]) > this {
                items.swap(at - gap, at);
                at -= gap;
            }
        }
        gap /= 3;
    }
}
