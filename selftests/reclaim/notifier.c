// SPDX-License-Identifier: GPL-2.0
/* An MMU notifier, as a driver has that lets its device use an address space. */
#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmu_notifier.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "reclaim.h"

unsigned long reclaim_map(void)
{
	unsigned long addr;

	addr = kunit_vm_mmap(kunit_get_current_test(), NULL, 0, PAGE_SIZE,
			     PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (IS_ERR_VALUE(addr) || put_user(1, (int __user *)addr))
		return 0;
	return addr;
}
EXPORT_SYMBOL_GPL(reclaim_map);

void reclaim_unmap(unsigned long addr)
{
	vm_munmap(addr, PAGE_SIZE);
}
EXPORT_SYMBOL_GPL(reclaim_unmap);

#ifdef CONFIG_MMU_NOTIFIER
struct reclaim_notifier {
	struct mmu_notifier mn;
	void (*called)(void *data);
	void *data;
};

static int invalidate_range_start(struct mmu_notifier *mn,
				  const struct mmu_notifier_range *range)
{
	struct reclaim_notifier *n = container_of(mn, struct reclaim_notifier, mn);

	if (!mmu_notifier_range_blockable(range))
		return -EAGAIN;
	n->called(n->data);
	return 0;
}

static const struct mmu_notifier_ops ops = {
	.invalidate_range_start = invalidate_range_start,
};

struct reclaim_notifier *reclaim_notifier_create(void (*called)(void *data),
						 void *data)
{
	struct reclaim_notifier *n;

	n = current->mm ? kzalloc_obj(*n) : NULL;
	if (!n)
		return NULL;
	n->mn.ops = &ops;
	n->called = called;
	n->data = data;
	if (mmu_notifier_register(&n->mn, current->mm)) {
		kfree(n);
		return NULL;
	}
	return n;
}
EXPORT_SYMBOL_GPL(reclaim_notifier_create);

void reclaim_notifier_destroy(struct reclaim_notifier *n)
{
	mmu_notifier_unregister(&n->mn, current->mm);
	kfree(n);
}
EXPORT_SYMBOL_GPL(reclaim_notifier_destroy);
#else
struct reclaim_notifier *reclaim_notifier_create(void (*called)(void *data),
						 void *data)
{
	return NULL;
}
EXPORT_SYMBOL_GPL(reclaim_notifier_create);

void reclaim_notifier_destroy(struct reclaim_notifier *n)
{
}
EXPORT_SYMBOL_GPL(reclaim_notifier_destroy);
#endif
