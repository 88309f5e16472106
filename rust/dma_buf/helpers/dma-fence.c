// SPDX-License-Identifier: GPL-2.0

#include <linux/dma-fence.h>

#include "helpers.h"

bool dma_buf_rs_dma_fence_is_signaled(struct dma_fence *fence)
{
	return dma_fence_is_signaled(fence);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_fence_is_signaled);

struct dma_fence *dma_buf_rs_dma_fence_get_rcu_safe(struct dma_fence **fencep)
{
	return dma_fence_get_rcu_safe((struct dma_fence __rcu **)fencep);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_fence_get_rcu_safe);

void dma_buf_rs_dma_fence_put_many(struct dma_fence *fence, int count)
{
	if (refcount_sub_and_test(count, &fence->refcount.refcount))
		dma_fence_release(&fence->refcount);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_fence_put_many);
