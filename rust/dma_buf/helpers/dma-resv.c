// SPDX-License-Identifier: GPL-2.0

#include <linux/dma-resv.h>

#include "helpers.h"

int dma_buf_rs_dma_resv_lock_interruptible(struct dma_resv *obj,
					   struct ww_acquire_ctx *ctx)
{
	return dma_resv_lock_interruptible(obj, ctx);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_resv_lock_interruptible);

bool dma_buf_rs_dma_resv_trylock(struct dma_resv *obj)
{
	return dma_resv_trylock(obj);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_resv_trylock);

bool dma_buf_rs_dma_resv_is_locked(struct dma_resv *obj)
{
	return dma_resv_is_locked(obj);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_dma_resv_is_locked);
