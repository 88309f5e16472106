// SPDX-License-Identifier: GPL-2.0
/*
 * A foreign driver in C. Writing the descriptor of a fence to the parameter `watch` adds a
 * callback to that fence. Unloading the module removes the callbacks that have not been called.
 */
#include <linux/dma-fence.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/sysfs.h>

struct watch {
	struct dma_fence_cb cb;
	struct dma_fence *fence;
	struct list_head list;
	/* by the fence */
	atomic_t calls;
};

/* protects the list */
static DEFINE_MUTEX(lock);
static LIST_HEAD(watches);
static unsigned int added, called, wrong;

static void fence_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	atomic_inc(&container_of(cb, struct watch, cb)->calls);
}

/* Removes the callback if it was not called, and counts what came of it. */
static void end_watch(struct watch *watch)
{
	bool removed = dma_fence_remove_callback(watch->fence, &watch->cb);
	int calls = atomic_read(&watch->calls);

	called += calls;
	if (calls != !removed)
		wrong++;
	list_del(&watch->list);
	dma_fence_put(watch->fence);
	kfree(watch);
}

static void end_watches(bool all)
{
	struct watch *watch, *next;

	mutex_lock(&lock);
	list_for_each_entry_safe(watch, next, &watches, list)
		if (all || dma_fence_test_signaled_flag(watch->fence))
			end_watch(watch);
	mutex_unlock(&lock);
}

/* -ENOENT: the fence has signalled */
static int watch_set(const char *value, const struct kernel_param *kp)
{
	struct watch *watch;
	int fd, ret;

	ret = kstrtoint(value, 0, &fd);
	if (ret)
		return ret;
	/* A callback that is added after the exit would stay. */
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	ret = -ENOMEM;
	watch = kzalloc_obj(*watch);
	if (!watch)
		goto module;
	watch->fence = sync_file_get_fence(fd);
	ret = -EBADF;
	if (!watch->fence)
		goto free;
	ret = dma_fence_add_callback(watch->fence, &watch->cb, fence_signalled);
	if (ret)
		goto put;
	mutex_lock(&lock);
	list_add(&watch->list, &watches);
	added++;
	mutex_unlock(&lock);
	goto module;
put:
	dma_fence_put(watch->fence);
free:
	kfree(watch);
module:
	module_put(THIS_MODULE);
	return ret;
}

/* How many callbacks were added, called, and called not once or though they were removed. */
static int watch_get(char *buffer, const struct kernel_param *kp)
{
	end_watches(false);
	return sysfs_emit(buffer, "%u %u %u\n", added, called, wrong);
}

static const struct kernel_param_ops watch_ops = {
	.set = watch_set,
	.get = watch_get,
};
module_param_cb(watch, &watch_ops, NULL, 0600);
MODULE_PARM_DESC(watch, "The descriptor of a fence to add a callback to");

static int __init stranger_init(void)
{
	return 0;
}
module_init(stranger_init);

static void __exit stranger_exit(void)
{
	end_watches(true);
	WARN_ON(wrong);
}
module_exit(stranger_exit);

MODULE_AUTHOR("The dma_buf_rs authors");
MODULE_DESCRIPTION("A foreign driver with callbacks on fences");
MODULE_LICENSE("GPL");
