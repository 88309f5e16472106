// SPDX-License-Identifier: GPL-2.0

/* What one does with a fence that is there, in C. */

#include "bench.h"
#include "timeline.h"

static struct c_timeline timeline;

static void *prepare(u32 n, u32 signalled)
{
	struct c_fence *fence = c_fence_alloc();

	if (!fence)
		return NULL;
	c_timeline_init(&timeline);
	c_fence_publish(&timeline, fence);
	if (signalled) {
		dma_fence_get(&fence->base);
		c_fence_signal(fence, 0);
	}
	return fence;
}

static void finish(void *state)
{
	struct c_fence *fence = state;

	if (fence->done)
		dma_fence_put(&fence->base);
	else
		c_fence_signal(fence, 0);
}

/* Where results go that nobody looks at. */
static u32 sink;

static void get_put_run(void *state, u32 n)
{
	struct c_fence *fence = state;

	repeat(n)
		dma_fence_put(dma_fence_get(&fence->base));
}

BENCH(get_put, prepare, get_put_run, finish);

static void flag_run(void *state, u32 n)
{
	struct c_fence *fence = state;
	u32 count = 0;

	repeat(n)
		count += dma_fence_test_signaled_flag(&fence->base);
	WRITE_ONCE(sink, count);
}

BENCH(flag, prepare, flag_run, finish);

static void is_signaled_run(void *state, u32 n)
{
	struct c_fence *fence = state;
	u32 count = 0;

	repeat(n)
		count += dma_fence_is_signaled(&fence->base);
	WRITE_ONCE(sink, count);
}

BENCH(is_signaled, prepare, is_signaled_run, finish);

static void wait_run(void *state, u32 n)
{
	struct c_fence *fence = state;
	u32 count = 0;

	repeat(n)
		count += dma_fence_wait_timeout(&fence->base, false, 0) > 0;
	WRITE_ONCE(sink, count);
}

BENCH(wait, prepare, wait_run, finish, .irqs_on = true);

static void section_run(void *state, u32 n)
{
	repeat(n) {
		bool cookie = dma_fence_begin_signalling();

		WRITE_ONCE(sink, 1);
		dma_fence_end_signalling(cookie);
	}
}

BENCH(section, prepare, section_run, finish);

/* arg: has it signalled? */
const struct bench_row bench_fence_rows[] = {
	{ "get and put", &bench_get_put, .n = 1000, .goal = "1.00" },
	{ "flag test, pending", &bench_flag, .n = 1000, .goal = "1.00" },
	{ "flag test, signalled", &bench_flag, .n = 1000, .arg = 1, .goal = "1.00" },
	{ "is_signaled, pending", &bench_is_signaled, .n = 1000, .goal = "1.00" },
	{ "is_signaled, signalled", &bench_is_signaled, .n = 1000, .arg = 1, .goal = "1.00" },
	{ }
};

const struct bench_row bench_wait_rows[] = {
	{ "wait(0), pending", &bench_wait, .n = 500, .goal = "1.02" },
	{ "wait(0), signalled", &bench_wait, .n = 500, .arg = 1, .goal = "1.02" },
	{ "section", &bench_section, .n = 1000, .goal = "1.00" },
	{ }
};
