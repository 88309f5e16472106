// SPDX-License-Identifier: GPL-2.0

#include <linux/module.h>
#include <linux/sysfs.h>

#include "helpers.h"

bool dma_buf_rs_within_module(unsigned long addr, const struct module *mod)
{
	return within_module(addr, mod);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_within_module);

/*
 * Returns true if mod uses symbols of used. Then sysfs lists mod among the holders of used,
 * from before its init until its memory is freed. The list behind that is private to the kernel.
 */
bool dma_buf_rs_module_uses(const struct module *mod, const struct module *used)
{
#if defined(CONFIG_MODULE_UNLOAD) && defined(CONFIG_SYSFS)
	struct kernfs_node *holder = sysfs_get_dirent(used->holders_dir->sd, mod->name);

	sysfs_put(holder);
	return holder;
#else
	return true;
#endif
}
EXPORT_SYMBOL_GPL(dma_buf_rs_module_uses);
