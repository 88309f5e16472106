// SPDX-License-Identifier: GPL-2.0

#include <linux/workqueue.h>

#include "helpers.h"

struct workqueue_struct *dma_buf_rs_alloc_workqueue(void)
{
	return alloc_workqueue("dma_buf_rs", WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_HIGHPRI, 0);
}

void dma_buf_rs_init_delayed_work(struct delayed_work *work, work_func_t func)
{
	INIT_DELAYED_WORK(work, func);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_init_delayed_work);

bool dma_buf_rs_queue_delayed_work(struct workqueue_struct *queue,
				   struct delayed_work *work,
				   unsigned long delay)
{
	return queue_delayed_work(queue, work, delay);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_queue_delayed_work);
