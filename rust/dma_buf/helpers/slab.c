// SPDX-License-Identifier: GPL-2.0

#include <linux/slab.h>

#include "helpers.h"

void *dma_buf_rs_kmalloc(size_t size, gfp_t flags)
{
#if defined(DMA_BUF_RS_BITCODE) && !defined(CONFIG_KASAN)
	/*
	 * kmalloc() chooses its cache when it is compiled, if it knows the size.
	 * Here the size is known only after inlining, which is too late for that
	 * choice, but not for removing all of these branches but one.
	 */
	if (size <= 128)
		return kmalloc(128, flags);
	if (size <= 192)
		return kmalloc(192, flags);
	if (size <= 256)
		return kmalloc(256, flags);
	if (size <= 512)
		return kmalloc(512, flags);
#endif
	return kmalloc(size, flags);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_kmalloc);

size_t dma_buf_rs_ksize(const void *memory)
{
	return ksize(memory);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_ksize);

void *dma_buf_rs_kmalloc_pointers(size_t count)
{
	return kmalloc_array(count, sizeof(void *), GFP_KERNEL);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_kmalloc_pointers);
