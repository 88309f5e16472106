// SPDX-License-Identifier: GPL-2.0

#include <linux/dma-fence.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>

#include "helpers.h"

#ifdef CONFIG_LOCKDEP
void dma_buf_rs_lock_map_init(struct lockdep_map *map, const char *name,
			      struct lock_class_key *key)
{
	lockdep_init_map(map, name, key, 0);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_lock_map_init);

/*
 * Like dma_fence_begin_signalling(), but returns true if there is something to end.
 *
 * checkpatch: IN_ATOMIC: it asks just that itself, also below
 */
bool dma_buf_rs_lock_map_begin(struct lockdep_map *map)
{
	if (lock_is_held_type(map, 1) || in_atomic())
		return false;

	/* a read_trylock: what is held already is not ordered before it */
	lock_acquire(map, 0, 1, 1, 1, NULL, _RET_IP_);
	return true;
}
EXPORT_SYMBOL_GPL(dma_buf_rs_lock_map_begin);

void dma_buf_rs_lock_map_end(struct lockdep_map *map)
{
	lock_release(map, _RET_IP_);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_lock_map_end);

/*
 * Like a wait in the core, leaves the section of all fences for the time of the
 * wait, if one is open, but not the sections of domains. Otherwise lockdep would
 * order each domain that is waited for after the section of all fences, which the
 * core's own part of a wait orders after the domains whose sections are open: such
 * a domain could not be waited for in turn. dma_fence_begin_signalling() tells if a
 * section is open, and opens one otherwise.
 */
void dma_buf_rs_lock_map_wait(struct lockdep_map *map)
{
	bool outside = in_atomic();
	bool open = outside || dma_fence_begin_signalling();

	if (!outside)
		dma_fence_end_signalling(false);
	lock_map_acquire(map);
	lock_map_release(map);
	if (!outside && open)
		dma_fence_begin_signalling();
}
EXPORT_SYMBOL_GPL(dma_buf_rs_lock_map_wait);

void dma_buf_rs_set_lock_class(struct dma_fence *fence,
			       struct lock_class_key *key, const char *name)
{
	lockdep_set_class_and_name(&fence->inline_lock, key, name);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_set_lock_class);
#endif
