// SPDX-License-Identifier: GPL-2.0
/*
 * What a foreign driver may nest. Arrays with containers in them, and links with
 * links in them, are against the kernel's rules. But it only looks, and warns,
 * while it makes one; so what is in there is swapped in afterwards.
 */
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/export.h>
#include <linux/slab.h>

#include "foreign.h"

static void put_all(struct dma_fence **fences, unsigned int n)
{
	while (n--)
		dma_fence_put(fences[n]);
}

/* An array of stubs, for others to take their place; 0 is for a context of its own. */
static struct dma_fence_array *stubs(unsigned int n, u64 context)
{
	struct dma_fence **fences = kmalloc_objs(*fences, n);
	struct dma_fence_array *array;
	unsigned int i;

	if (!fences)
		return NULL;
	for (i = 0; i < n; i++)
		fences[i] = dma_fence_get_stub();
	array = dma_fence_array_create(n, fences, context ?: dma_fence_context_alloc(1), 1);
	if (!array) {
		put_all(fences, n);
		kfree(fences);
	}
	return array;
}

struct dma_fence *foreign_array(struct dma_fence **members, unsigned int n, u64 context)
{
	struct dma_fence_array *array = stubs(n, context);
	unsigned int i;

	for (i = 0; array && i < n; i++) {
		if (!members[i]) {
			dma_fence_put(&array->base);
			array = NULL;
		}
	}
	if (!array) {
		put_all(members, n);
		return NULL;
	}
	for (i = 0; i < n; i++)
		swap(array->fences[i], members[i]);
	put_all(members, n);
	return &array->base;
}
EXPORT_SYMBOL_GPL(foreign_array);

#define array_of(...) ({						\
	struct dma_fence *__members[] = { __VA_ARGS__ };		\
									\
	foreign_array(__members, ARRAY_SIZE(__members), 0);		\
})

struct dma_fence *foreign_link(struct dma_fence *prev, struct dma_fence *fence,
			       u64 seqno)
{
	struct dma_fence_chain *chain = fence ? dma_fence_chain_alloc() : NULL;

	if (!chain) {
		dma_fence_put(prev);
		dma_fence_put(fence);
		return NULL;
	}
	dma_fence_chain_init(chain, prev, dma_fence_get_stub(), seqno);
	swap(chain->fence, fence);
	dma_fence_put(fence);
	return &chain->base;
}
EXPORT_SYMBOL_GPL(foreign_link);

static struct dma_fence *chain(struct foreign_device *dev, unsigned int n)
{
	struct dma_fence *tail = NULL;
	unsigned int i;

	for (i = 1; i <= n; i++) {
		tail = foreign_link(tail, foreign_submit(dev), i);
		if (!tail)
			break;
	}
	return tail;
}

static struct dma_fence *chain_of_arrays(struct foreign_device *dev, unsigned int n)
{
	struct dma_fence *tail = NULL;
	unsigned int i;

	for (i = 1; i <= n; i++) {
		tail = foreign_link(tail, array_of(foreign_submit(dev), foreign_submit(dev)), i);
		if (!tail)
			break;
	}
	return tail;
}

static struct dma_fence *array_of_chains(struct foreign_device *dev, unsigned int n)
{
	struct dma_fence **chains = kmalloc_objs(*chains, n);
	struct dma_fence *fence;
	unsigned int i;

	if (!chains)
		return NULL;
	for (i = 0; i < n; i++)
		chains[i] = chain(dev, n);
	fence = foreign_array(chains, n, 0);
	kfree(chains);
	return fence;
}

static struct dma_fence *arrays(struct foreign_device *dev, unsigned int n)
{
	struct dma_fence *fence = foreign_submit(dev);

	while (n--)
		fence = array_of(foreign_submit(dev), fence, foreign_submit(dev));
	return fence;
}

static struct dma_fence *chains(struct foreign_device *dev, unsigned int n)
{
	struct dma_fence *fence = foreign_submit(dev);

	while (n--)
		fence = foreign_link(chain(dev, 1), fence, 2);
	return fence;
}

static struct dma_fence *mixed(struct foreign_device *dev, unsigned int n)
{
	struct dma_fence *fence = foreign_submit(dev);

	while (n--) {
		struct dma_fence *others = chain(dev, 2);

		if (n % 2)
			fence = foreign_link(array_of(others, foreign_submit(dev)), fence, 3);
		else
			fence = array_of(fence, others);
	}
	return fence;
}

static struct dma_fence *same(struct foreign_device *dev, unsigned int n)
{
	struct dma_fence **members = kmalloc_objs(*members, n);
	struct dma_fence *fence;
	unsigned int level, i;

	if (!members)
		return NULL;
	fence = foreign_submit(dev);
	for (level = 0; level < 2; level++) {
		for (i = 0; i < n; i++)
			members[i] = dma_fence_get(fence);
		dma_fence_put(fence);
		fence = foreign_array(members, n, 0);
	}
	kfree(members);
	return fence;
}

struct dma_fence *foreign_nest(struct foreign_device *dev,
			       enum foreign_shape shape, unsigned int n)
{
	switch (shape) {
	case FOREIGN_ARRAYS:
		return arrays(dev, n);
	case FOREIGN_ARRAY_OF_CHAINS:
		return array_of_chains(dev, n);
	case FOREIGN_CHAIN_OF_ARRAYS:
		return chain_of_arrays(dev, n);
	case FOREIGN_CHAIN:
		return chain(dev, n);
	case FOREIGN_CHAINS:
		return chains(dev, n);
	case FOREIGN_MIXED:
		return mixed(dev, n);
	case FOREIGN_SAME:
		return same(dev, n);
	}
	return NULL;
}
EXPORT_SYMBOL_GPL(foreign_nest);
