// SPDX-License-Identifier: GPL-2.0

/* Chains, in C. */

#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>

#include "bench.h"
#include "timeline.h"

/* A chain, each link of which contains the same pending fence. */
struct state {
	u32 links;
	struct c_timeline timeline;
	struct c_fence *fence;
	struct dma_fence *tail;
};

static void finish(void *data)
{
	struct state *state = data;

	dma_fence_put(state->tail);
	c_fence_signal(state->fence, 0);
	kfree(state);
}

static inline bool append(struct state *state, u32 seqno)
{
	struct dma_fence_chain *link = dma_fence_chain_alloc();

	if (!link)
		return false;
	dma_fence_chain_init(link, state->tail, dma_fence_get(&state->fence->base),
			     seqno);
	state->tail = &link->base;
	return true;
}

static void *append_prepare(u32 n, u32 links)
{
	struct state *state = kzalloc_obj(*state, GFP_KERNEL);

	if (!state)
		return NULL;
	state->fence = c_fence_alloc();
	if (!state->fence) {
		kfree(state);
		return NULL;
	}
	c_timeline_init(&state->timeline);
	c_fence_publish(&state->timeline, state->fence);
	return state;
}

static void append_run(void *data, u32 n)
{
	struct state *state = data;
	u32 seqno = 0;

	repeat(n) {
		if (!append(state, ++seqno))
			return;
	}
}

BENCH(append, append_prepare, append_run, finish, .irqs_on = true);

static void *prepare(u32 n, u32 links)
{
	struct state *state = append_prepare(n, links);
	u32 i;

	if (!state)
		return NULL;
	for (i = 1; i <= links; i++) {
		if (!append(state, i)) {
			finish(state);
			return NULL;
		}
	}
	return state;
}

/* Where results go that nobody looks at. */
static u64 sink;

static void walk_run(void *data, u32 n)
{
	struct state *state = data;
	u64 sum = 0;

	repeat(n) {
		struct dma_fence *link;

		dma_fence_chain_for_each(link, state->tail)
			sum += dma_fence_chain_contained(link)->seqno;
	}
	WRITE_ONCE(sink, sum);
}

BENCH(walk, prepare, walk_run, finish);

static void find_run(void *data, u32 n)
{
	struct state *state = data;

	repeat(n) {
		struct dma_fence *link = dma_fence_get(state->tail);

		/* The oldest, which is the furthest from the tail. */
		dma_fence_chain_find_seqno(&link, 1);
		dma_fence_put(link);
	}
}

BENCH(find, prepare, find_run, finish);

static noinline void collect(struct dma_fence *head)
{
	struct dma_fence_unwrap cursor;
	struct dma_fence **leaves = NULL, *leaf;
	size_t count = 0, room = 0;

	dma_fence_unwrap_for_each(leaf, &cursor, head) {
		if (count == room) {
			struct dma_fence **more;

			room = max(2 * room, 16);
			more = krealloc_array(leaves, room, sizeof(*leaves), GFP_KERNEL);
			if (!more) {
				dma_fence_put(cursor.chain);
				break;
			}
			leaves = more;
		}
		leaves[count++] = dma_fence_get(leaf);
	}
	while (count)
		dma_fence_put(leaves[--count]);
	kfree(leaves);
}

static void collect_run(void *data, u32 n)
{
	struct state *state = data;

	repeat(n)
		collect(state->tail);
}

BENCH(collect, prepare, collect_run, finish, .irqs_on = true);

/* arg: how many links? */
const struct bench_row bench_chain_rows[] = {
	{ "chain append, 64 links", &bench_append, .n = 64, .goal = "1.05" },
	{ "chain append, 4096 links", &bench_append, .n = 4096, .goal = "1.05" },
	{ "chain walk, 64 links", &bench_walk, .n = 20, .arg = 64, .goal = "1.05" },
	{ "chain walk, 4096 links", &bench_walk, .n = 1, .arg = 4096, .goal = "1.05" },
	{ "chain find, 64 links", &bench_find, .n = 20, .arg = 64, .goal = "1.05" },
	{ "chain find, 4096 links", &bench_find, .n = 1, .arg = 4096, .goal = "1.05" },
	{ "chain collect, 64 links", &bench_collect, .n = 20, .arg = 64, .goal = "1.05" },
	{ "chain collect, 4096 links", &bench_collect, .n = 1, .arg = 4096, .goal = "1.05" },
	{ }
};
