// SPDX-License-Identifier: GPL-2.0

/* Signalling everything up to a sequence number, in C. */

#include "bench.h"
#include "timeline.h"

struct state {
	u32 pending;
	u32 count;
	u32 timelines_count;
	struct c_fence **fences;
	struct c_timeline timelines[] __counted_by(timelines_count);
};

static void finish(void *data)
{
	struct state *state = data;

	while (state->count)
		dma_fence_put(&state->fences[--state->count]->base);
	kvfree(state->fences);
	kfree(state);
}

/* What most drivers do: dma_fence_signal() for each. */
static noinline void up_to_loop(struct c_timeline *timeline, u64 seqno)
{
	struct c_fence *fence, *next;
	unsigned long flags;

	spin_lock_irqsave(&timeline->lock, flags);
	list_for_each_entry_safe(fence, next, &timeline->pending, link) {
		if (fence->base.seqno > seqno)
			break;
		list_del(&fence->link);
		dma_fence_signal(&fence->base);
		dma_fence_put(&fence->base);
	}
	spin_unlock_irqrestore(&timeline->lock, flags);
}

/*
 * The best there is: one section, one reading of the clock, the timeline's lock
 * held across, interrupts switched off once, and all taken from the list in one
 * cut.
 */
static noinline void up_to_batch(struct c_timeline *timeline, u64 seqno)
{
	struct c_fence *fence, *next;
	unsigned long flags;
	bool cookie;
	ktime_t now;

	cookie = dma_fence_begin_signalling();
	spin_lock_irqsave(&timeline->lock, flags);
	now = ktime_get();
	list_for_each_entry_safe(fence, next, &timeline->pending, link) {
		if (fence->base.seqno > seqno)
			break;
		c_fence_retire(fence, now);
	}
	/* What has signalled may be gone, and is not looked at. */
	timeline->pending.next = &fence->link;
	fence->link.prev = &timeline->pending;
	spin_unlock_irqrestore(&timeline->lock, flags);
	dma_fence_end_signalling(cookie);
}

/* Each fence has a second reference, that of whoever submitted the job. */
static void *prepare(u32 n, u32 pending)
{
	struct state *state = kzalloc_flex(*state, timelines, n, GFP_KERNEL);
	u32 i, j;

	if (!state)
		return NULL;
	state->pending = pending;
	state->fences = kvmalloc_objs(*state->fences, n * pending, GFP_KERNEL);
	if (!state->fences) {
		kfree(state);
		return NULL;
	}
	for (i = 0; i < n; i++)
		c_timeline_init(&state->timelines[i]);
	for (i = 0; i < n; i++) {
		for (j = 0; j < pending; j++) {
			struct c_fence *fence = c_fence_alloc();

			if (!fence)
				goto fail;
			c_fence_publish(&state->timelines[i], fence);
			state->fences[state->count++] = fence;
		}
	}
	return state;

fail:
	for (i = 0; i < n; i++)
		up_to_batch(&state->timelines[i], U64_MAX);
	finish(state);
	return NULL;
}

static void loop_run(void *data, u32 n)
{
	struct state *state = data;
	struct c_timeline *timeline = state->timelines;

	repeat(n)
		up_to_loop(timeline++, state->pending);
}

BENCH(up_to_loop, prepare, loop_run, finish);

static void batch_run(void *data, u32 n)
{
	struct state *state = data;
	struct c_timeline *timeline = state->timelines;

	repeat(n)
		up_to_batch(timeline++, state->pending);
}

BENCH(up_to_batch, prepare, batch_run, finish);

/* n: how many timelines? arg: how many fences on each? */
const struct bench_row bench_batch_rows[] = {
	{ "signal up to, 1 pending, C loop", &bench_up_to_loop, .n = 500, .arg = 1, .goal = "-",
	  .reason = "the goal is for many" },
	{ "signal up to, 1 pending, C batch", &bench_up_to_batch, .n = 500, .arg = 1, .goal = "-",
	  .reason = "the goal is for many" },
	{ "signal up to, 64 pending, C loop", &bench_up_to_loop, .n = 10, .arg = 64,
	  .goal = "0.80" },
	{ "signal up to, 64 pending, C batch", &bench_up_to_batch, .n = 10, .arg = 64,
	  .goal = "1.05" },
	{ "signal up to, 4096 pending, C loop", &bench_up_to_loop, .n = 1, .arg = 4096,
	  .goal = "0.80" },
	{ "signal up to, 4096 pending, C batch", &bench_up_to_batch, .n = 1, .arg = 4096,
	  .goal = "1.05" },
	{ }
};
