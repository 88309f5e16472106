// SPDX-License-Identifier: GPL-2.0
/* A shrinker that frees nothing, and what has the kernel run it. */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "reclaim.h"

struct reclaim_shrinker {
	struct shrinker *shrinker;
	void (*called)(void *data);
	void *data;
};

/* So many that a part of them is worth a scan at the lowest pressure, too. */
static unsigned long count_objects(struct shrinker *shrinker,
				   struct shrink_control *sc)
{
	return 1UL << 20;
}

static unsigned long scan_objects(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct reclaim_shrinker *s = shrinker->private_data;

	s->called(s->data);
	return SHRINK_STOP;
}

struct reclaim_shrinker *reclaim_shrinker_create(void (*called)(void *data),
						 void *data)
{
	struct reclaim_shrinker *s = kzalloc_obj(*s);

	if (!s)
		return NULL;
	s->called = called;
	s->data = data;
	s->shrinker = shrinker_alloc(0, "dma_buf_resv");
	if (!s->shrinker) {
		kfree(s);
		return NULL;
	}
	s->shrinker->count_objects = count_objects;
	s->shrinker->scan_objects = scan_objects;
	s->shrinker->seeks = DEFAULT_SEEKS;
	s->shrinker->private_data = s;
	shrinker_register(s->shrinker);
	return s;
}

void reclaim_shrinker_destroy(struct reclaim_shrinker *s)
{
	shrinker_free(s->shrinker);
	kfree(s);
}

/* As much at a time as the kernel still reclaims memory for without compacting it. */
#define ORDER PAGE_ALLOC_COSTLY_ORDER

void reclaim_press(bool (*enough)(void *data), void *data)
{
	/* Nobody is killed for it. */
	const gfp_t gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
	struct page *page, *next;
	LIST_HEAD(pages);

	while (!enough(data)) {
		page = alloc_pages(gfp, ORDER);
		if (!page)
			break;
		list_add(&page->lru, &pages);
	}
	list_for_each_entry_safe(page, next, &pages, lru)
		__free_pages(page, ORDER);
}
