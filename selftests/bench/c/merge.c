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
	/* to merge: leaves, or arrays */
	struct dma_fence **fences;
	u32 fence_count;
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

static struct state *alloc_leaves(u32 leaves)
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

struct dma_fence *bench_array(struct dma_fence **fences, u32 count)
{
	struct dma_fence **members = kmalloc_objs(*members, count, GFP_KERNEL);
	struct dma_fence_array *array;
	u32 i;

	if (!members)
		return NULL;
	for (i = 0; i < count; i++)
		members[i] = dma_fence_get(fences[i]);
	array = dma_fence_array_create(count, members, dma_fence_context_alloc(1), 1);
	if (array)
		return &array->base;
	for (i = 0; i < count; i++)
		dma_fence_put(members[i]);
	kfree(members);
	return NULL;
}

/* Every @step-th fence is signalled; none, if that is 0. */
static void *prepare(u32 leaves, u32 step, bool in_arrays)
{
	struct state *state = alloc_leaves(leaves);
	u32 half = (leaves + 1) / 2, i;

	if (!state)
		return NULL;
	for (i = 0; step && i < leaves; i += step) {
		dma_fence_get(state->leaves[i]);
		c_fence_signal(container_of(state->leaves[i], struct c_fence, base), 0);
	}
	state->fences = state->leaves;
	state->fence_count = leaves;
	if (!in_arrays)
		return state;

	state->fences = state->arrays;
	state->fence_count = min(leaves, 2);
	for (i = 0; i < state->fence_count; i++) {
		state->arrays[i] = bench_array(state->leaves + i * half,
					       i ? leaves - half : half);
		if (!state->arrays[i]) {
			finish(state);
			return NULL;
		}
	}
	return state;
}

static void merge_run(void *data, u32 n)
{
	struct state *state = data;

	repeat(n)
		dma_fence_put(__dma_fence_unwrap_merge(state->fence_count, state->fences,
						       state->cursors));
}

#define MERGE(name, step, in_arrays)						\
	static void *name##_prepare(u32 n, u32 leaves)				\
	{									\
		return prepare(leaves, step, in_arrays);			\
	}									\
	BENCH(name, name##_prepare, merge_run, finish, .irqs_on = true)

MERGE(merge, 0, false);
MERGE(merge_half, 2, false);
MERGE(merge_all, 1, false);
MERGE(merge_arrays, 0, true);
MERGE(merge_arrays_half, 2, true);
MERGE(merge_arrays_all, 1, true);

/* For each time, the leaves, each twice, to make one of each again. */
static void *dedup_prepare(u32 n, u32 leaves)
{
	struct state *state = alloc_leaves(leaves / 2);
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

BENCH(dedup, dedup_prepare, dedup_run, dedup_finish);

/* arg: how many leaves, an odd number or a power of two? */
const struct bench_row bench_merge_rows[] = {
	{ "merge, 1 leaf", &bench_merge, .n = 500, .arg = 1, .goal = "0.75" },
	{ "merge, 1 leaf, signalled", &bench_merge_all, .n = 500, .arg = 1, .goal = "0.75" },
	{ "merge, 1 leaf, in an array", &bench_merge_arrays, .n = 500, .arg = 1, .goal = "0.75" },
	{ "merge, 1 leaf, in an array, signalled", &bench_merge_arrays_all, .n = 500, .arg = 1,
	  .goal = "0.75" },
	{ "merge, 2 leaves", &bench_merge, .n = 500, .arg = 2, .goal = "0.75" },
	{ "merge, 2 leaves, half signalled", &bench_merge_half, .n = 500, .arg = 2,
	  .goal = "0.75" },
	{ "merge, 2 leaves, all signalled", &bench_merge_all, .n = 500, .arg = 2, .goal = "0.75" },
	{ "merge, 2 leaves, in 2 arrays", &bench_merge_arrays, .n = 500, .arg = 2, .goal = "0.75" },
	{ "merge, 2 leaves, in 2 arrays, half signalled", &bench_merge_arrays_half, .n = 500,
	  .arg = 2, .goal = "0.75" },
	{ "merge, 2 leaves, in 2 arrays, all signalled", &bench_merge_arrays_all, .n = 500,
	  .arg = 2, .goal = "0.75" },
	{ "merge, 5 leaves", &bench_merge, .n = 200, .arg = 5, .goal = "0.75" },
	{ "merge, 5 leaves, half signalled", &bench_merge_half, .n = 200, .arg = 5,
	  .goal = "0.75" },
	{ "merge, 5 leaves, all signalled", &bench_merge_all, .n = 200, .arg = 5, .goal = "0.75" },
	{ "merge, 5 leaves, in 2 arrays", &bench_merge_arrays, .n = 200, .arg = 5, .goal = "0.75" },
	{ "merge, 5 leaves, in 2 arrays, half signalled", &bench_merge_arrays_half, .n = 200,
	  .arg = 5, .goal = "0.75" },
	{ "merge, 5 leaves, in 2 arrays, all signalled", &bench_merge_arrays_all, .n = 200,
	  .arg = 5, .goal = "0.75" },
	{ "merge, 9 leaves", &bench_merge, .n = 200, .arg = 9, .goal = "0.75" },
	{ "merge, 9 leaves, half signalled", &bench_merge_half, .n = 200, .arg = 9,
	  .goal = "0.75" },
	{ "merge, 9 leaves, all signalled", &bench_merge_all, .n = 200, .arg = 9, .goal = "0.75" },
	{ "merge, 9 leaves, in 2 arrays", &bench_merge_arrays, .n = 200, .arg = 9, .goal = "0.75" },
	{ "merge, 9 leaves, in 2 arrays, half signalled", &bench_merge_arrays_half, .n = 200,
	  .arg = 9, .goal = "0.75" },
	{ "merge, 9 leaves, in 2 arrays, all signalled", &bench_merge_arrays_all, .n = 200,
	  .arg = 9, .goal = "0.75" },
	{ "merge, 32 leaves", &bench_merge, .n = 50, .arg = 32, .goal = "0.50" },
	{ "merge, 128 leaves", &bench_merge, .n = 10, .arg = 128, .goal = "0.50" },
	{ "merge, 128 leaves, half signalled", &bench_merge_half, .n = 10, .arg = 128,
	  .goal = "0.50" },
	{ "merge, 128 leaves, in 2 arrays", &bench_merge_arrays, .n = 10, .arg = 128,
	  .goal = "0.50" },
	{ "dedup, 2 leaves", &bench_dedup, .n = 500, .arg = 2, .goal = "1.00" },
	{ "dedup, 8 leaves", &bench_dedup, .n = 200, .arg = 8, .goal = "1.00" },
	{ "dedup, 32 leaves", &bench_dedup, .n = 50, .arg = 32, .goal = "0.50" },
	{ "dedup, 128 leaves", &bench_dedup, .n = 10, .arg = 128, .goal = "0.50" },
	{ }
};
