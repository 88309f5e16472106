// SPDX-License-Identifier: GPL-2.0
/*
 * A foreign driver, as they are written in C: a device with rings, whose fences
 * share the device's lock and need its text as long as they exist. Work on it
 * completes in the order in which it is submitted, when the test says so.
 */
#include <linux/atomic.h>
#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "foreign.h"

struct foreign_device {
	struct kref kref;
	/* of all fences; protects what follows */
	spinlock_t lock;
	u64 context;
	unsigned int rings;
	/* its fences have no names, as in some error paths of real drivers */
	bool nameless;
	u64 last;
	struct list_head pending;
	struct rcu_head rcu;
};

struct foreign_fence {
	struct dma_fence base;
	struct foreign_device *dev;
	struct list_head pending;
};

static struct lock_class_key foreign_lock_key;
static atomic_long_t alive;
static atomic_long_t asked;

static struct foreign_fence *to_foreign(struct dma_fence *fence)
{
	return container_of(fence, struct foreign_fence, base);
}

static const char *foreign_name(struct dma_fence *fence)
{
	return to_foreign(fence)->dev->nameless ? NULL : "foreign";
}

static bool foreign_enable_signaling(struct dma_fence *fence)
{
	return true;
}

static bool foreign_signaled(struct dma_fence *fence)
{
	atomic_long_inc(&asked);
	return false;
}

static void device_release(struct kref *kref)
{
	struct foreign_device *dev = container_of(kref, struct foreign_device, kref);

	kfree_rcu(dev, rcu);
}

static void foreign_release(struct dma_fence *fence)
{
	struct foreign_device *dev = to_foreign(fence)->dev;

	dma_fence_free(fence);
	kref_put(&dev->kref, device_release);
	atomic_long_dec(&alive);
}

static const struct dma_fence_ops foreign_ops = {
	.get_driver_name = foreign_name,
	.get_timeline_name = foreign_name,
	.enable_signaling = foreign_enable_signaling,
	.signaled = foreign_signaled,
	.release = foreign_release,
};

struct foreign_device *foreign_create(unsigned int rings)
{
	struct foreign_device *dev = kzalloc_obj(*dev);

	if (!dev)
		return NULL;
	kref_init(&dev->kref);
	spin_lock_init(&dev->lock);
	lockdep_set_class_and_name(&dev->lock, &foreign_lock_key, "foreign fence");
	dev->context = dma_fence_context_alloc(rings);
	dev->rings = rings;
	INIT_LIST_HEAD(&dev->pending);
	return dev;
}
EXPORT_SYMBOL_GPL(foreign_create);

void foreign_forget_names(struct foreign_device *dev)
{
	dev->nameless = true;
}
EXPORT_SYMBOL_GPL(foreign_forget_names);

void foreign_put(struct foreign_device *dev)
{
	kref_put(&dev->kref, device_release);
}
EXPORT_SYMBOL_GPL(foreign_put);

/* The fence of a job on the next ring, pending. */
struct dma_fence *foreign_submit(struct foreign_device *dev)
{
	struct foreign_fence *f = kzalloc_obj(*f);
	unsigned long flags;

	if (!f)
		return NULL;
	kref_get(&dev->kref);
	f->dev = dev;
	atomic_long_inc(&alive);

	spin_lock_irqsave(&dev->lock, flags);
	dev->last++;
	dma_fence_init(&f->base, &foreign_ops, &dev->lock,
		       dev->context + dev->last % dev->rings, dev->last);
	/* Whoever signals it has a reference. */
	dma_fence_get(&f->base);
	list_add_tail(&f->pending, &dev->pending);
	spin_unlock_irqrestore(&dev->lock, flags);
	return &f->base;
}
EXPORT_SYMBOL_GPL(foreign_submit);

/* The number of the last job; the first one's is 1. */
u64 foreign_last(struct foreign_device *dev)
{
	return READ_ONCE(dev->last);
}
EXPORT_SYMBOL_GPL(foreign_last);

static struct foreign_fence *signal_first(struct foreign_device *dev, u64 number,
					  int error)
{
	struct foreign_fence *f;

	lockdep_assert_held(&dev->lock);
	f = list_first_entry_or_null(&dev->pending, struct foreign_fence, pending);
	if (!f || f->base.seqno > number)
		return NULL;
	list_del(&f->pending);
	if (error)
		dma_fence_set_error(&f->base, error);
	dma_fence_signal_locked(&f->base);
	return f;
}

void foreign_signal_up_to(struct foreign_device *dev, u64 number, int error)
{
	struct foreign_fence *f;
	unsigned long flags;
	bool cookie;

	do {
		cookie = dma_fence_begin_signalling();
		spin_lock_irqsave(&dev->lock, flags);
		f = signal_first(dev, number, error);
		spin_unlock_irqrestore(&dev->lock, flags);
		dma_fence_end_signalling(cookie);
		if (f)
			dma_fence_put(&f->base);
	} while (f);
}
EXPORT_SYMBOL_GPL(foreign_signal_up_to);

/* How many fences exist. */
long foreign_alive(void)
{
	return atomic_long_read(&alive);
}
EXPORT_SYMBOL_GPL(foreign_alive);

/* How often anybody has asked whether a fence has signalled. */
long foreign_asked(void)
{
	return atomic_long_read(&asked);
}
EXPORT_SYMBOL_GPL(foreign_asked);

MODULE_DESCRIPTION("A driver in C that nests fences");
MODULE_AUTHOR("The dma_buf_rs authors");
MODULE_LICENSE("GPL");
MODULE_INFO(test, "Y");
