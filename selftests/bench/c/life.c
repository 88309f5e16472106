// SPDX-License-Identifier: GPL-2.0

/* The life of a fence, in C: allocate, publish, signal, put. */

#include "bench.h"
#include "timeline.h"

static const char *c_fence_name(struct dma_fence *fence)
{
	return "bench";
}

const struct dma_fence_ops c_fence_ops = {
	.get_driver_name = c_fence_name,
	.get_timeline_name = c_fence_name,
};

static void *prepare(u32 n, u32 arg)
{
	struct c_timeline *timeline = kmalloc_obj(*timeline, GFP_KERNEL);

	if (timeline)
		c_timeline_init(timeline);
	return timeline;
}

static void finish(void *state)
{
	kfree(state);
}

/* As little as a fence can be: on no list, in no order. */
static void bare_run(void *state, u32 n)
{
	struct c_timeline *timeline = state;

	repeat(n) {
		struct dma_fence *fence = kmalloc_obj(*fence, GFP_KERNEL);

		if (!fence)
			return;
		dma_fence_init64(fence, &c_fence_ops, NULL, timeline->context,
				 ++timeline->seqno);
		dma_fence_signal(fence);
		dma_fence_put(fence);
	}
}

BENCH(life_bare, prepare, bare_run, finish, .irqs_on = true);

static void timeline_run(void *state, u32 n)
{
	struct c_timeline *timeline = state;

	repeat(n) {
		struct c_fence *fence = c_fence_alloc();

		if (!fence)
			return;
		c_fence_publish(timeline, fence);
		c_fence_signal(fence, 0);
	}
}

BENCH(life_timeline, prepare, timeline_run, finish, .irqs_on = true);

const struct bench_row bench_life_rows[] = {
	{ "life, bare C fence", &bench_life_bare, .n = 2000, .goal = "-",
	  .reason = "a fence on no list, in no order" },
	{ "life, C timeline", &bench_life_timeline, .n = 2000, .goal = "1.05" },
	{ }
};
