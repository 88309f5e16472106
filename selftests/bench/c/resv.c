// SPDX-License-Identifier: GPL-2.0

/* Reservation objects and sync_files, in C. */

#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/kref.h>
#include <linux/sync_file.h>

#include "bench.h"
#include "timeline.h"

#define SET 16

/* A buffer, as drivers have them: counted, with its reservation object. */
struct buffer {
	struct kref kref;
	struct dma_resv resv;
};

/* Buffers; the first has fences to add, each of a timeline of its own. */
struct state {
	u32 count;
	struct buffer *buffers[SET];
	struct dma_fence **fences;
	struct c_timeline timelines[] __counted_by(count);
};

/* Where results go that nobody looks at. */
static u32 sink;

static void buffer_release(struct kref *kref)
{
	struct buffer *buffer = container_of(kref, struct buffer, kref);

	dma_resv_fini(&buffer->resv);
	kfree(buffer);
}

static void finish(void *data)
{
	struct state *state = data;
	u32 i;

	for (i = 0; state->fences && i < state->count && state->fences[i]; i++)
		c_fence_signal(container_of(state->fences[i], struct c_fence, base), 0);
	for (i = 0; i < SET && state->buffers[i]; i++)
		kref_put(&state->buffers[i]->kref, buffer_release);
	kfree(state->fences);
	kfree(state);
}

static noinline int add(struct dma_resv *resv, struct dma_fence **fences, u32 count)
{
	int ret = dma_resv_reserve_fences(resv, count);
	u32 i;

	if (ret)
		return ret;
	for (i = 0; i < count; i++)
		dma_resv_add_fence(resv, fences[i], DMA_RESV_USAGE_READ);
	return 0;
}

/* The fences are in the first object, and there is room for as many more. */
static void *prepare(u32 n, u32 fences)
{
	struct state *state = kzalloc_flex(*state, timelines, fences, GFP_KERNEL);
	struct dma_resv *resv;
	int ret = 0;
	u32 i;

	if (!state)
		return NULL;
	for (i = 0; i < SET; i++) {
		struct buffer *buffer = kmalloc_obj(*buffer, GFP_KERNEL);

		if (!buffer)
			goto fail;
		kref_init(&buffer->kref);
		dma_resv_init(&buffer->resv);
		state->buffers[i] = buffer;
	}
	state->fences = kzalloc_objs(*state->fences, fences, GFP_KERNEL);
	if (!state->fences)
		goto fail;
	for (i = 0; i < fences; i++) {
		struct c_fence *fence = c_fence_alloc();

		if (!fence)
			goto fail;
		c_timeline_init(&state->timelines[i]);
		c_fence_publish(&state->timelines[i], fence);
		state->fences[i] = &fence->base;
	}

	resv = &state->buffers[0]->resv;
	dma_resv_lock(resv, NULL);
	for (i = 0; i < 2 && !ret; i++)
		ret = add(resv, state->fences, fences);
	dma_resv_unlock(resv);
	if (!ret)
		return state;

fail:
	finish(state);
	return NULL;
}

static void lock_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_resv *resv = &state->buffers[0]->resv;

	repeat(n) {
		dma_resv_lock(resv, NULL);
		dma_resv_unlock(resv);
	}
}

BENCH(resv_lock, prepare, lock_run, finish, .irqs_on = true);

/* Whoever locks a buffer that others may let go of holds a reference. */
static void hold_run(void *data, u32 n)
{
	struct state *state = data;
	struct buffer *buffer = state->buffers[0];

	repeat(n) {
		kref_get(&buffer->kref);
		dma_resv_lock(&buffer->resv, NULL);
		dma_resv_unlock(&buffer->resv);
		kref_put(&buffer->kref, buffer_release);
	}
}

BENCH(resv_hold, prepare, hold_run, finish, .irqs_on = true);

static void add_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_resv *resv = &state->buffers[0]->resv;
	int ret = 0;

	dma_resv_lock(resv, NULL);
	repeat(n)
		ret |= add(resv, state->fences, state->count);
	dma_resv_unlock(resv);
	WRITE_ONCE(sink, ret);
}

BENCH(resv_add, prepare, add_run, finish, .irqs_on = true);

/* As a driver has it whose jobs have one fence. */
static noinline int add_one(struct dma_resv *resv, struct dma_fence *fence)
{
	int ret = dma_resv_reserve_fences(resv, 1);

	if (!ret)
		dma_resv_add_fence(resv, fence, DMA_RESV_USAGE_READ);
	return ret;
}

static void add_one_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_resv *resv = &state->buffers[0]->resv;
	int ret = 0;

	dma_resv_lock(resv, NULL);
	repeat(n)
		ret |= add_one(resv, state->fences[0]);
	dma_resv_unlock(resv);
	WRITE_ONCE(sink, ret);
}

BENCH(resv_add_one, prepare, add_one_run, finish, .irqs_on = true);

/* What a submission does with each of its buffers. */
static void attach_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_resv *resv = &state->buffers[0]->resv;
	int ret = 0;

	repeat(n) {
		dma_resv_lock(resv, NULL);
		ret |= add_one(resv, state->fences[0]);
		dma_resv_unlock(resv);
	}
	WRITE_ONCE(sink, ret);
}

BENCH(resv_attach, prepare, attach_run, finish, .irqs_on = true);

static void iterate_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_resv *resv = &state->buffers[0]->resv;
	u32 count = 0;

	dma_resv_lock(resv, NULL);
	repeat(n) {
		struct dma_resv_iter cursor;
		struct dma_fence *fence;

		dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_READ, fence)
			count += dma_fence_test_signaled_flag(fence);
	}
	dma_resv_unlock(resv);
	WRITE_ONCE(sink, count);
}

BENCH(resv_iterate, prepare, iterate_run, finish, .irqs_on = true);

static void unlocked_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_resv *resv = &state->buffers[0]->resv;
	u32 count = 0;

	repeat(n) {
		struct dma_resv_iter cursor;
		struct dma_fence *fence;

		dma_resv_iter_begin(&cursor, resv, DMA_RESV_USAGE_READ);
		dma_resv_for_each_fence_unlocked(&cursor, fence)
			count += dma_fence_test_signaled_flag(fence);
		dma_resv_iter_end(&cursor);
	}
	WRITE_ONCE(sink, count);
}

BENCH(resv_unlocked, prepare, unlocked_run, finish, .irqs_on = true);

static void test_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_resv *resv = &state->buffers[0]->resv;
	u32 count = 0;

	repeat(n)
		count += dma_resv_test_signaled(resv, DMA_RESV_USAGE_READ);
	WRITE_ONCE(sink, count);
}

BENCH(resv_test, prepare, test_run, finish, .irqs_on = true);

static void wait_run(void *data, u32 n)
{
	struct state *state = data;
	struct dma_resv *resv = &state->buffers[0]->resv;
	u32 count = 0;

	repeat(n)
		count += dma_resv_wait_timeout(resv, DMA_RESV_USAGE_READ, false, 0) > 0;
	WRITE_ONCE(sink, count);
}

BENCH(resv_wait, prepare, wait_run, finish, .irqs_on = true);

static noinline int lock_all(struct ww_acquire_ctx *ctx, struct buffer **buffers,
			     u32 count)
{
	struct dma_resv *contended = NULL;
	u32 i, locked;
	int ret;

	ww_acquire_init(ctx, &reservation_ww_class);
retry:
	for (i = 0; i < count; i++) {
		struct dma_resv *resv = &buffers[i]->resv;

		if (resv == contended)
			continue;
		ret = dma_resv_lock(resv, ctx);
		if (unlikely(ret)) {
			locked = i;
			goto failed;
		}
	}
	ww_acquire_done(ctx);
	return 0;

failed:
	for (i = 0; i < count; i++) {
		if (i < locked || &buffers[i]->resv == contended)
			dma_resv_unlock(&buffers[i]->resv);
	}
	if (ret == -EDEADLK) {
		contended = &buffers[locked]->resv;
		dma_resv_lock_slow(contended, ctx);
		goto retry;
	}
	ww_acquire_fini(ctx);
	return ret;
}

static void set_run(void *data, u32 n)
{
	struct state *state = data;

	repeat(n) {
		struct ww_acquire_ctx ctx;
		u32 i, count = SET;

		/* A driver is told how many. */
		OPTIMIZER_HIDE_VAR(count);
		if (lock_all(&ctx, state->buffers, count))
			return;
		for (i = count; i > 0; i--)
			dma_resv_unlock(&state->buffers[i - 1]->resv);
		ww_acquire_fini(&ctx);
	}
}

BENCH(resv_set, prepare, set_run, finish, .irqs_on = true);

static void sync_file_run(void *data, u32 n)
{
	struct state *state = data;

	repeat(n) {
		struct sync_file *sync_file = sync_file_create(state->fences[0]);

		if (!sync_file)
			return;
		fput(sync_file->file);
	}
}

BENCH(sync_file, prepare, sync_file_run, finish, .irqs_on = true);

/* arg: how many fences? */
const struct bench_row bench_resv_rows[] = {
	{ "resv lock and unlock", &bench_resv_lock, .n = 500, .arg = 1, .goal = "1.05" },
	{ "resv lock and unlock, with reference", &bench_resv_hold, .n = 500, .arg = 1, .goal = "-",
	  .reason = "a guard may be forgotten, so it keeps its task, too" },
	{ "resv reserve and add, 1", &bench_resv_add_one, .n = 500, .arg = 1, .goal = "1.05" },
	{ "resv reserve and add, 8", &bench_resv_add, .n = 100, .arg = 8, .goal = "1.05" },
	{ "resv reserve and add, 64", &bench_resv_add, .n = 10, .arg = 64, .goal = "1.05" },
	{ "resv lock, reserve and add, 1", &bench_resv_attach, .n = 500, .arg = 1, .goal = "1.05" },
	{ "resv iterate, 64, locked", &bench_resv_iterate, .n = 50, .arg = 64, .goal = "1.05" },
	{ "resv iterate, 64, unlocked", &bench_resv_unlocked, .n = 20, .arg = 64, .goal = "1.05" },
	{ "resv test", &bench_resv_test, .n = 500, .arg = 1, .goal = "1.05" },
	{ "resv wait(0)", &bench_resv_wait, .n = 500, .arg = 1, .goal = "1.05" },
	{ "resv lock all, 16", &bench_resv_set, .n = 50, .arg = 1, .goal = "1.05" },
	{ "sync_file create", &bench_sync_file, .n = 50, .arg = 1, .goal = "1.05" },
	{ }
};
