// SPDX-License-Identifier: GPL-2.0

/* Publishing a point below others, in C: a tree and a list, as sw_sync has them. */

#include "bench.h"

#include <linux/dma-fence.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

struct point {
	struct dma_fence base;
	struct rb_node node;
	struct list_head link;
};

struct points {
	spinlock_t lock;	/* protects what follows */
	struct rb_root tree;
	struct list_head list;
	u64 context;
	u32 equal;
	struct list_head unused;
};

static const char *point_name(struct dma_fence *fence)
{
	return "bench";
}

static const struct dma_fence_ops point_ops = {
	.get_driver_name = point_name,
	.get_timeline_name = point_name,
};

static void publish(struct points *points, struct point *point, u64 seqno)
{
	struct rb_node **p, *parent = NULL;
	struct point *other;
	unsigned long flags;

	spin_lock_irqsave(&points->lock, flags);
	dma_fence_init64(&point->base, &point_ops, NULL, points->context, seqno);
	dma_fence_get(&point->base);
	p = &points->tree.rb_node;
	while (*p) {
		parent = *p;
		other = rb_entry(parent, struct point, node);
		if (seqno < other->base.seqno)
			p = &parent->rb_left;
		else
			p = &parent->rb_right;
	}
	rb_link_node(&point->node, parent, p);
	rb_insert_color(&point->node, &points->tree);
	parent = rb_next(&point->node);
	list_add_tail(&point->link,
		      parent ? &rb_entry(parent, struct point, node)->link : &points->list);
	spin_unlock_irqrestore(&points->lock, flags);
	/* Whoever published it is done with it; the timeline is not. */
	dma_fence_put(&point->base);
}

static struct point *take(struct points *points)
{
	struct point *point = list_first_entry(&points->unused, struct point, link);

	list_del(&point->link);
	return point;
}

static void finish(void *data)
{
	struct points *points = data;
	struct point *point, *next;

	list_for_each_entry_safe(point, next, &points->list, link) {
		dma_fence_signal(&point->base);
		dma_fence_put(&point->base);
	}
	list_for_each_entry_safe(point, next, &points->unused, link)
		kfree(point);
	kfree(points);
}

static void *prepare(u32 n, u32 others, u32 equal)
{
	struct points *points = kzalloc_obj(*points, GFP_KERNEL);
	u32 i;

	if (!points)
		return NULL;
	spin_lock_init(&points->lock);
	points->tree = RB_ROOT;
	INIT_LIST_HEAD(&points->list);
	INIT_LIST_HEAD(&points->unused);
	points->context = dma_fence_context_alloc(1);
	points->equal = equal;
	for (i = 0; i < n + others; i++) {
		struct point *point = kmalloc_obj(*point, GFP_KERNEL);

		if (!point) {
			finish(points);
			return NULL;
		}
		list_add(&point->link, &points->unused);
	}
	for (i = 0; i < others; i++)
		publish(points, take(points), equal ?: n + others - i);
	return points;
}

static void *prepare_below(u32 n, u32 others)
{
	return prepare(n, others, 0);
}

static void *prepare_equal(u32 n, u32 others)
{
	return prepare(n, others, 1);
}

static void run(void *data, u32 n)
{
	struct points *points = data;

	repeat(n)
		publish(points, take(points), points->equal ?: n);
}

BENCH(point_below, prepare_below, run, finish);
BENCH(point_equal, prepare_equal, run, finish);

/* arg: how many others are there? */
const struct bench_row bench_points_rows[] = {
	{ "point below 1000 others", &bench_point_below, .n = 200, .arg = 1000, .goal = "1.15",
	  .reason = "memory and handle are taken from a vector and given up" },
	{ "point below 10000 others", &bench_point_below, .n = 200, .arg = 10000, .goal = "1.15",
	  .reason = "memory and handle are taken from a vector and given up" },
	{ "point below 100000 others", &bench_point_below, .n = 200, .arg = 100000, .goal = "1.15",
	  .reason = "memory and handle are taken from a vector and given up" },
	{ "point equal to 1000 others", &bench_point_equal, .n = 200, .arg = 1000, .goal = "1.05" },
	{ "point equal to 10000 others", &bench_point_equal, .n = 200, .arg = 10000,
	  .goal = "1.05" },
	{ "point equal to 100000 others", &bench_point_equal, .n = 200, .arg = 100000,
	  .goal = "1.05" },
	{ "point below 100000 others, to 1000", &bench_point_below, .n = 200, .arg = 100000,
	  .less = 1000, .goal = "1.35" },
	{ "point equal to 100000 others, to 1000", &bench_point_equal, .n = 200, .arg = 100000,
	  .less = 1000, .goal = "1.35" },
	{ }
};
