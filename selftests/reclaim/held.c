// SPDX-License-Identifier: GPL-2.0
/*
 * Where the current task is: a test that is silent has shown nothing unless it was
 * where it was to be.
 */
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "reclaim.h"

bool reclaim_holds(const char *name)
{
#ifdef CONFIG_LOCKDEP
	int i;

	for (i = 0; i < current->lockdep_depth; i++) {
		if (!strcmp(current->held_locks[i].instance->name, name))
			return true;
	}
	return false;
#else
	return true;
#endif
}
EXPORT_SYMBOL_GPL(reclaim_holds);

bool reclaim_frees(void)
{
	return current->flags & PF_MEMALLOC;
}
EXPORT_SYMBOL_GPL(reclaim_frees);
