// SPDX-License-Identifier: GPL-2.0

#include <linux/preempt.h>

#include "helpers.h"

void dma_buf_rs_preempt_disable(void)
{
	preempt_disable();
}
EXPORT_SYMBOL_GPL(dma_buf_rs_preempt_disable);

void dma_buf_rs_preempt_enable(void)
{
	preempt_enable();
}
EXPORT_SYMBOL_GPL(dma_buf_rs_preempt_enable);
