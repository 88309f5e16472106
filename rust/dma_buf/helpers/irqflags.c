// SPDX-License-Identifier: GPL-2.0

#include <linux/irqflags.h>

#include "helpers.h"

unsigned long dma_buf_rs_local_irq_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	return flags;
}
EXPORT_SYMBOL_GPL(dma_buf_rs_local_irq_save);

void dma_buf_rs_local_irq_restore(unsigned long flags)
{
	local_irq_restore(flags);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_local_irq_restore);
