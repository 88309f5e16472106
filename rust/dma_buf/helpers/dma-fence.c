// SPDX-License-Identifier: GPL-2.0

#include <linux/dma-fence.h>

#include "helpers.h"

/* As dma_fence_get() and dma_fence_put(), of a fence that is not NULL. */
void dma_buf_rs_dma_fence_get(struct dma_fence *fence)
{
	kref_get(&fence->refcount);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_fence_get);

void dma_buf_rs_dma_fence_put(struct dma_fence *fence)
{
	kref_put(&fence->refcount, dma_fence_release);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_fence_put);

bool dma_buf_rs_dma_fence_is_array(struct dma_fence *fence)
{
	return dma_fence_is_array(fence);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_fence_is_array);

bool dma_buf_rs_dma_fence_is_chain(struct dma_fence *fence)
{
	return dma_fence_is_chain(fence);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_fence_is_chain);

/* Of two fences of one context. */
bool dma_buf_rs_dma_fence_is_later(struct dma_fence *f1, struct dma_fence *f2)
{
	return __dma_fence_is_later(f1, f1->seqno, f2->seqno);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_fence_is_later);

bool dma_buf_rs_dma_fence_is_signaled(struct dma_fence *fence)
{
	if (!dma_fence_is_signaled(fence))
		return false;
	/* It may have read the flag without order. */
	smp_acquire__after_ctrl_dep();
	return true;
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
