// SPDX-License-Identifier: GPL-2.0

/* Arrays, in C. */

#include <linux/dma-fence-array.h>

#include "bench.h"
#include "timeline.h"

/* Pending fences, and arrays of them: for each time, or one for all times. */
struct state {
	u32 fences_count;
	u32 arrays_count;
	u32 members;
	struct c_timeline timeline;
	struct c_fence **fences;
	struct dma_fence_array *arrays[] __counted_by(arrays_count);
};

static void finish(void *data)
{
	struct state *state = data;
	u32 i;

	for (i = 0; i < state->arrays_count; i++) {
		if (state->arrays[i])
			dma_fence_put(&state->arrays[i]->base);
	}
	for (i = 0; i < state->fences_count; i++)
		c_fence_signal(state->fences[i], 0);
	kvfree(state->fences);
	kfree(state);
}

static noinline struct dma_fence_array *create(struct c_fence **fences, u32 count)
{
	struct dma_fence **members = kmalloc_objs(*members, count, GFP_KERNEL);
	struct dma_fence_array *array;
	u32 i;

	if (!members)
		return NULL;
	for (i = 0; i < count; i++)
		members[i] = dma_fence_get(&fences[i]->base);

	array = dma_fence_array_create(count, members, dma_fence_context_alloc(1), 1);
	if (!array) {
		while (count)
			dma_fence_put(members[--count]);
		kfree(members);
	}
	return array;
}

static struct state *state_new(u32 arrays, u32 fences)
{
	struct state *state = kzalloc_flex(*state, arrays, arrays, GFP_KERNEL);

	if (!state)
		return NULL;
	c_timeline_init(&state->timeline);
	state->fences = kvmalloc_objs(*state->fences, fences, GFP_KERNEL);
	if (!state->fences)
		goto fail;
	while (state->fences_count < fences) {
		struct c_fence *fence = c_fence_alloc();

		if (!fence)
			goto fail;
		c_fence_publish(&state->timeline, fence);
		state->fences[state->fences_count++] = fence;
	}
	return state;

fail:
	finish(state);
	return NULL;
}

static void *create_prepare(u32 n, u32 members)
{
	struct state *state = state_new(1, members);

	if (state)
		state->members = members;
	return state;
}

static void create_run(void *data, u32 n)
{
	struct state *state = data;

	repeat(n) {
		struct dma_fence_array *array = create(state->fences, state->members);

		if (!array)
			return;
		dma_fence_put(&array->base);
	}
}

BENCH(array_create, create_prepare, create_run, finish, .irqs_on = true);

static void *signal_prepare(u32 n, u32 members)
{
	struct state *state = state_new(n, n * members);
	u32 i;

	if (!state)
		return NULL;
	state->members = members;
	for (i = 0; i < n; i++) {
		state->arrays[i] = create(state->fences + i * members, members);
		if (!state->arrays[i]) {
			finish(state);
			return NULL;
		}
	}
	return state;
}

/* The last member's signal queues the array's irq_work, which runs at once. */
static void signal_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_fence_array **array = state->arrays;
	struct c_fence **fence = state->fences;

	state->fences_count = 0;
	repeat(n) {
		u32 i;

		dma_fence_enable_signaling(&(*array)->base);
		for (i = 0; i < state->members; i++)
			c_fence_signal(*fence++, 0);
		array++;
	}
}

BENCH(array_signal, signal_prepare, signal_run, finish, .irqs_on = true);

/* arg: how many members? */
const struct bench_row bench_array_rows[] = {
	{ "array create, 2", &bench_array_create, .n = 500, .arg = 2, .goal = "1.05" },
	{ "array create, 16", &bench_array_create, .n = 100, .arg = 16, .goal = "1.05" },
	{ "array create, 128", &bench_array_create, .n = 20, .arg = 128, .goal = "1.05" },
	{ "array enable and signal, 2", &bench_array_signal, .n = 200, .arg = 2, .goal = "1.05" },
	{ "array enable and signal, 16", &bench_array_signal, .n = 40, .arg = 16, .goal = "1.05" },
	{ "array enable and signal, 128", &bench_array_signal, .n = 5, .arg = 128, .goal = "1.05" },
	{ }
};
