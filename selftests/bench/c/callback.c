// SPDX-License-Identifier: GPL-2.0

/* Callbacks, in C. */

#include "bench.h"
#include "timeline.h"

/* A callback counts; about the least that one can do. */
struct c_callback {
	struct dma_fence_cb base;
	struct dma_fence *fence;
};

static u32 called;

static void c_called(struct dma_fence *fence, struct dma_fence_cb *callback)
{
	WRITE_ONCE(called, READ_ONCE(called) + 1);
}

/* The fence must stay until the callback has been removed. */
static inline int c_callback_add(struct c_callback *callback,
				 struct dma_fence *fence)
{
	int ret;

	callback->fence = dma_fence_get(fence);
	ret = dma_fence_add_callback(fence, &callback->base, c_called);
	if (ret)
		dma_fence_put(fence);
	return ret;
}

static inline bool c_callback_remove(struct c_callback *callback)
{
	bool ret = dma_fence_remove_callback(callback->fence, &callback->base);

	dma_fence_put(callback->fence);
	return ret;
}

struct state {
	struct c_timeline timeline;
	struct c_fence **fences;
	struct c_callback *callbacks;
	u32 fences_count;
	u32 callbacks_count;
};

static void finish(void *data)
{
	struct state *state = data;
	u32 i;

	/* A fence that has signalled is kept by its callbacks. */
	for (i = 0; i < state->fences_count; i++) {
		if (!state->fences[i]->done)
			c_fence_signal(state->fences[i], 0);
	}
	while (state->callbacks_count)
		c_callback_remove(&state->callbacks[--state->callbacks_count]);
	kvfree(state->fences);
	kvfree(state->callbacks);
	kfree(state);
}

/* The fences, each with its callbacks, one at least. */
static void *prepare(u32 n, u32 callbacks)
{
	struct state *state = kzalloc_obj(*state, GFP_KERNEL);
	u32 i, j;

	if (!state)
		return NULL;
	c_timeline_init(&state->timeline);
	state->fences = kvmalloc_objs(*state->fences, n, GFP_KERNEL);
	state->callbacks = kvmalloc_objs(*state->callbacks, n * callbacks, GFP_KERNEL);
	if (!state->fences || !state->callbacks)
		goto fail;

	for (i = 0; i < n; i++) {
		struct c_fence *fence = c_fence_alloc();

		if (!fence)
			goto fail;
		c_fence_publish(&state->timeline, fence);
		state->fences[state->fences_count++] = fence;
		for (j = 0; j < callbacks; j++)
			c_callback_add(&state->callbacks[state->callbacks_count++],
				       &fence->base);
	}
	return state;

fail:
	finish(state);
	return NULL;
}

static void signal_run(void *data, u32 n)
{
	struct state *state = data;
	struct c_fence **fence = state->fences;

	repeat(n)
		c_fence_signal(*fence++, 0);
}

BENCH(signal, prepare, signal_run, finish);

static void *add_remove_prepare(u32 n, u32 arg)
{
	return prepare(1, 1);
}

static void add_remove_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_fence *fence = &state->fences[0]->base;
	struct c_callback callback;

	repeat(n) {
		if (c_callback_add(&callback, fence))
			return;
		c_callback_remove(&callback);
	}
}

BENCH(add_remove, add_remove_prepare, add_remove_run, finish);

/* arg: how many callbacks has each fence? */
const struct bench_row bench_callback_rows[] = {
	{ "add and remove callback", &bench_add_remove, .n = 1000, .goal = "1.02" },
	{ "signal, 1 callback", &bench_signal, .n = 500, .arg = 1, .goal = "1.02" },
	{ "signal, 10 callbacks", &bench_signal, .n = 100, .arg = 10, .goal = "1.02" },
	{ "signal, 1000 callbacks", &bench_signal, .n = 4, .arg = 1000, .goal = "1.02" },
	{ }
};
