// SPDX-License-Identifier: GPL-2.0
/*
 * A shrinker, and what has the kernel run it, and then is what the shrinker frees: so
 * those who need memory meanwhile get some, and nobody is killed for it.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/swap.h>

#include "reclaim.h"

/* As much at a time as the kernel still reclaims memory for without compacting it. */
#define ORDER PAGE_ALLOC_COSTLY_ORDER

/* How many of these the shrinker frees in one go. */
#define BATCH 32

struct reclaim_shrinker {
	struct shrinker *shrinker;
	void (*called)(void *data);
	void *data;
};

/* What has been allocated to have it reclaimed. */
static LIST_HEAD(pool);
static DEFINE_SPINLOCK(pool_lock);

/* Returns the number of pages that were freed. */
static unsigned long pool_put(unsigned int count)
{
	unsigned long freed = 0;
	struct page *page;

	do {
		spin_lock(&pool_lock);
		page = list_first_entry_or_null(&pool, struct page, lru);
		if (page)
			list_del(&page->lru);
		spin_unlock(&pool_lock);
		if (page) {
			__free_pages(page, ORDER);
			freed += 1 << ORDER;
		}
	} while (page && --count);
	mm_account_reclaimed_pages(freed);
	return freed;
}

/* What one frees, others may take before it does; so this comes before a kill. */
static int out_of_memory_notify(struct notifier_block *nb, unsigned long unused, void *freed)
{
	*(unsigned long *)freed += pool_put(BATCH);
	return NOTIFY_OK;
}

static struct notifier_block out_of_memory_nb = {
	.notifier_call = out_of_memory_notify,
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
	/*
	 * The kernel's own thread might keep up with who allocates, so that this one would
	 * never have to reclaim.
	 */
	if (!current_is_kswapd())
		pool_put(BATCH);
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
	s->shrinker = shrinker_alloc(0, "dma_buf_reclaim");
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
EXPORT_SYMBOL_GPL(reclaim_shrinker_create);

void reclaim_shrinker_destroy(struct reclaim_shrinker *s)
{
	shrinker_free(s->shrinker);
	kfree(s);
}
EXPORT_SYMBOL_GPL(reclaim_shrinker_destroy);

void reclaim_press(bool (*enough)(void *data), void *data)
{
	/* Nobody is killed for it. */
	const gfp_t gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
	struct page *page;

	while (!enough(data)) {
		page = alloc_pages(gfp, ORDER);
		if (!page)
			break;
		spin_lock(&pool_lock);
		list_add(&page->lru, &pool);
		spin_unlock(&pool_lock);
	}
	pool_put(UINT_MAX);
}
EXPORT_SYMBOL_GPL(reclaim_press);

static int __init reclaim_init(void)
{
	return register_oom_notifier(&out_of_memory_nb);
}
module_init(reclaim_init);

static void __exit reclaim_exit(void)
{
	unregister_oom_notifier(&out_of_memory_nb);
}
module_exit(reclaim_exit);

MODULE_DESCRIPTION("Shrinkers and MMU notifiers for tests");
MODULE_AUTHOR("The dma_buf_rs authors");
MODULE_LICENSE("GPL");
MODULE_INFO(test, "Y");
