// SPDX-License-Identifier: GPL-2.0

#include <linux/dma-buf.h>

#include "helpers.h"

void dma_buf_rs_get_dma_buf(struct dma_buf *dmabuf)
{
	get_dma_buf(dmabuf);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_get_dma_buf);
