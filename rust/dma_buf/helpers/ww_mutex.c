// SPDX-License-Identifier: GPL-2.0

#include <linux/dma-resv.h>
#include <linux/ww_mutex.h>

#include "helpers.h"

void dma_buf_rs_ww_acquire_init(struct ww_acquire_ctx *ctx)
{
	ww_acquire_init(ctx, &reservation_ww_class);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_ww_acquire_init);

void dma_buf_rs_ww_acquire_done(struct ww_acquire_ctx *ctx)
{
	ww_acquire_done(ctx);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_ww_acquire_done);

void dma_buf_rs_ww_acquire_fini(struct ww_acquire_ctx *ctx)
{
	ww_acquire_fini(ctx);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_ww_acquire_fini);
