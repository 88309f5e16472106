/* SPDX-License-Identifier: GPL-2.0 */

/*
 * A C driver's timeline, as its author would write it for speed: a lock, a
 * sequence number, a list of what is pending, which owns a reference to each
 * fence on it. Fences signal in order, under the lock. References are counted by
 * the functions that drivers have for it.
 */

#ifndef DMA_BUF_BENCH_TIMELINE_H
#define DMA_BUF_BENCH_TIMELINE_H

#include <linux/dma-fence.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

extern const struct dma_fence_ops c_fence_ops;

struct c_timeline {
	spinlock_t lock;	/* protects pending, and seqno */
	struct list_head pending;
	u64 context;
	u64 seqno;
};

struct c_fence {
	struct dma_fence base;
	struct list_head link;
	struct c_timeline *timeline;
	int error;
	bool done;
};

static inline void c_timeline_init(struct c_timeline *timeline)
{
	spin_lock_init(&timeline->lock);
	INIT_LIST_HEAD(&timeline->pending);
	timeline->context = dma_fence_context_alloc(1);
	timeline->seqno = 0;
}

static inline struct c_fence *c_fence_alloc(void)
{
	return kmalloc_obj(struct c_fence, GFP_KERNEL);
}

/* The caller owns a reference, the list another. */
static inline void c_fence_publish(struct c_timeline *timeline,
				   struct c_fence *fence)
{
	unsigned long flags;

	fence->timeline = timeline;
	fence->error = 0;
	fence->done = false;

	spin_lock_irqsave(&timeline->lock, flags);
	dma_fence_init64(&fence->base, &c_fence_ops, NULL, timeline->context,
			 ++timeline->seqno);
	dma_fence_get(&fence->base);
	list_add_tail(&fence->link, &timeline->pending);
	spin_unlock_irqrestore(&timeline->lock, flags);
}

/*
 * With the timeline's lock held; gives up the list's reference. Taking the fence
 * from the list is left to the caller.
 */
static inline void c_fence_retire(struct c_fence *fence, ktime_t now)
{
	spin_lock(&fence->base.inline_lock);
	if (fence->error)
		dma_fence_set_error(&fence->base, fence->error);
	dma_fence_signal_timestamp_locked(&fence->base, now);
	spin_unlock(&fence->base.inline_lock);
	dma_fence_put(&fence->base);
}

/*
 * Signals the fence, if all before it are done, and those after it that are;
 * gives up the caller's reference.
 */
static inline void c_fence_signal(struct c_fence *fence, int error)
{
	struct c_timeline *timeline = fence->timeline;
	struct c_fence *first, *next;
	unsigned long flags;
	ktime_t now = 0;
	bool cookie;

	cookie = dma_fence_begin_signalling();
	spin_lock_irqsave(&timeline->lock, flags);
	fence->error = error;
	fence->done = true;
	list_for_each_entry_safe(first, next, &timeline->pending, link) {
		if (!first->done)
			break;
		if (!now)
			now = ktime_get();
		list_del(&first->link);
		c_fence_retire(first, now);
	}
	spin_unlock_irqrestore(&timeline->lock, flags);
	dma_fence_end_signalling(cookie);
	dma_fence_put(&fence->base);
}

#endif /* DMA_BUF_BENCH_TIMELINE_H */
