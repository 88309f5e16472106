// SPDX-License-Identifier: GPL-2.0

/* Merging and deduplicating leaves: what the kernel has for it. */

#include <linux/dma-fence-unwrap.h>

#include "bench.h"
#include "timeline.h"

/* Leaves, each pending on a timeline of its own, in no order. */
struct state {
	u32 count;
	u32 next;
	struct dma_fence_unwrap *cursors;
	struct dma_fence **leaves;
	struct dma_fence **copies;
	struct c_timeline timelines[] __counted_by(count);
};

static void finish(void *data)
{
	struct state *state = data;
	u32 i;

	for (i = 0; state->leaves && i < state->count; i++) {
		if (state->leaves[i])
			c_fence_signal(container_of(state->leaves[i],
						    struct c_fence, base), 0);
	}
	kfree(state->cursors);
	kfree(state->leaves);
	kfree(state->copies);
	kfree(state);
}

static void *prepare(u32 n, u32 leaves)
{
	struct state *state = kzalloc_flex(*state, timelines, leaves, GFP_KERNEL);
	u32 i;

	if (!state)
		return NULL;
	state->cursors = kmalloc_objs(*state->cursors, leaves, GFP_KERNEL);
	state->leaves = kzalloc_objs(*state->leaves, leaves, GFP_KERNEL);
	if (!state->cursors || !state->leaves)
		goto fail;
	for (i = 0; i < leaves; i++) {
		struct c_fence *fence = c_fence_alloc();

		if (!fence)
			goto fail;
		c_timeline_init(&state->timelines[i]);
		c_fence_publish(&state->timelines[i], fence);
		state->leaves[bench_shuffle(i, leaves)] = &fence->base;
	}
	return state;

fail:
	finish(state);
	return NULL;
}

static void merge_run(void *data, u32 n)
{
	struct state *state = data;

	repeat(n)
		dma_fence_put(__dma_fence_unwrap_merge(state->count, state->leaves,
						       state->cursors));
}

const struct bench_side bench_c_merge = { prepare, merge_run, finish };

/* For each time, the leaves, each twice, to make one of each again. */
static void *dedup_prepare(u32 n, u32 leaves)
{
	struct state *state = prepare(n, leaves / 2);
	u32 i, j;

	if (!state)
		return NULL;
	state->copies = kmalloc_objs(*state->copies, n * leaves, GFP_KERNEL);
	if (!state->copies) {
		finish(state);
		return NULL;
	}
	for (i = 0; i < n; i++) {
		for (j = 0; j < leaves; j++)
			state->copies[i * leaves + j] =
				dma_fence_get(state->leaves[j % (leaves / 2)]);
	}
	return state;
}

static void dedup_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_fence **fences = state->copies;

	state->next = n;
	repeat(n) {
		dma_fence_dedup_array(fences, 2 * state->count);
		fences += 2 * state->count;
	}
}

static void dedup_finish(void *data)
{
	struct state *state = data;
	u32 i, j;

	for (i = 0; i < state->next; i++) {
		for (j = 0; j < state->count; j++)
			dma_fence_put(state->copies[2 * i * state->count + j]);
	}
	finish(state);
}

const struct bench_side bench_c_dedup = { dedup_prepare, dedup_run, dedup_finish };
