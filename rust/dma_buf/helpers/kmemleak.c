// SPDX-License-Identifier: GPL-2.0

#include <linux/kmemleak.h>

#include "helpers.h"

void dma_buf_rs_kmemleak_not_leak(const void *ptr)
{
	kmemleak_not_leak(ptr);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_kmemleak_not_leak);
