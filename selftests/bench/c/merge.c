// SPDX-License-Identifier: GPL-2.0

/* Merging and deduplicating leaves: what the kernel has for it. */

#include <linux/dma-fence-array.h>
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
	struct dma_fence *arrays[2];
	struct c_timeline timelines[] __counted_by(count);
};

static void leaf_finish(struct dma_fence *base)
{
	struct c_fence *fence = container_of(base, struct c_fence, base);

	if (fence->done)
		dma_fence_put(base);
	else
		c_fence_signal(fence, 0);
}

static void finish(void *data)
{
	struct state *state = data;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(state->arrays); i++)
		dma_fence_put(state->arrays[i]);
	for (i = 0; state->leaves && i < state->count; i++) {
		if (state->leaves[i])
			leaf_finish(state->leaves[i]);
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

/* Half of them have signalled. */
static void *half_prepare(u32 n, u32 leaves)
{
	struct state *state = prepare(n, leaves);
	u32 i;

	for (i = 0; state && i < leaves; i += 2) {
		dma_fence_get(state->leaves[i]);
		c_fence_signal(container_of(state->leaves[i], struct c_fence, base), 0);
	}
	return state;
}

const struct bench_side bench_c_merge_half = { half_prepare, merge_run, finish };

/* They are in two arrays. */
static void *arrays_prepare(u32 n, u32 leaves)
{
	struct state *state = prepare(n, leaves);
	u32 half = leaves / 2, i, j;

	for (i = 0; state && i < ARRAY_SIZE(state->arrays); i++) {
		struct dma_fence **members = kmalloc_objs(*members, half, GFP_KERNEL);
		struct dma_fence_array *array = NULL;

		for (j = 0; members && j < half; j++)
			members[j] = dma_fence_get(state->leaves[i * half + j]);
		if (members)
			array = dma_fence_array_create(half, members,
						       dma_fence_context_alloc(1), 1);
		if (!array) {
			for (j = 0; members && j < half; j++)
				dma_fence_put(members[j]);
			kfree(members);
			finish(state);
			return NULL;
		}
		state->arrays[i] = &array->base;
	}
	return state;
}

static void arrays_run(void *data, u32 n)
{
	struct state *state = data;

	repeat(n)
		dma_fence_put(__dma_fence_unwrap_merge(ARRAY_SIZE(state->arrays),
						       state->arrays, state->cursors));
}

const struct bench_side bench_c_merge_arrays = { arrays_prepare, arrays_run, finish };

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
