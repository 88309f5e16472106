// SPDX-License-Identifier: GPL-2.0

#include <linux/irq_work.h>

#include "helpers.h"

void dma_buf_rs_init_irq_work(struct irq_work *work,
			      void (*func)(struct irq_work *))
{
	init_irq_work(work, func);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_init_irq_work);

bool dma_buf_rs_irq_work_is_busy(struct irq_work *work)
{
	return irq_work_is_busy(work);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_irq_work_is_busy);

bool dma_buf_rs_irq_work_is_pending(struct irq_work *work)
{
	return irq_work_is_pending(work);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_irq_work_is_pending);
