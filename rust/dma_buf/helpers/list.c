// SPDX-License-Identifier: GPL-2.0

#include <linux/list.h>

#include "helpers.h"

void dma_buf_rs_list_del_init(struct list_head *entry)
{
	list_del_init(entry);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_list_del_init);
