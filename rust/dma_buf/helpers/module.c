// SPDX-License-Identifier: GPL-2.0

#include <linux/module.h>

#include "helpers.h"

bool dma_buf_rs_within_module(unsigned long addr, const struct module *mod)
{
	return within_module(addr, mod);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_within_module);
