/* SPDX-License-Identifier: GPL-2.0 */

/*
 * What the benchmarked sides have in common. Each operation is there twice, in
 * C and in Rust, behind the same three functions.
 */

#ifndef DMA_BUF_BENCH_H
#define DMA_BUF_BENCH_H

#include <linux/compiler.h>
#include <linux/types.h>

/*
 * A loop that the compiler does not unroll, as it cannot count its turns.
 *
 * checkpatch: MACRO_ARG_REUSE: its argument is a variable to count down
 */
#define repeat(n) for (; (n); ({ (n)--; OPTIMIZER_HIDE_VAR(n); }))

/*
 * @prepare: makes everything ready for @run, untimed; NULL if that fails
 * @run: does the operation @n times, timed; once for each @prepare
 * @finish: undoes @prepare, untimed
 *
 * What @arg means depends on the operation.
 */
struct bench_side {
	void *(*prepare)(u32 n, u32 arg);
	void (*run)(void *state, u32 n);
	void (*finish)(void *state);
};

/* Nothing, that often: what the loop, the call and the clock cost. */
extern const struct bench_side bench_c_nothing, bench_rust_nothing;

/* life.c, life.rs */
extern const struct bench_side bench_c_life_bare, bench_c_life_timeline;
extern const struct bench_side bench_rust_life;

/* fence.c, fence.rs; arg: has it signalled? */
extern const struct bench_side bench_c_get_put, bench_rust_get_put;
extern const struct bench_side bench_c_flag, bench_rust_flag;
extern const struct bench_side bench_c_is_signaled, bench_rust_is_signaled;
extern const struct bench_side bench_c_wait, bench_rust_wait;
extern const struct bench_side bench_c_section, bench_rust_section;

/* callback.c, callback.rs; arg: how many callbacks has each fence? */
extern const struct bench_side bench_c_add_remove, bench_rust_add_remove;
extern const struct bench_side bench_c_signal, bench_rust_signal;

/* batch.c, batch.rs; n: how many timelines? arg: how many fences on each? */
extern const struct bench_side bench_c_up_to_loop, bench_c_up_to_batch;
extern const struct bench_side bench_rust_up_to;

/* points.c, points.rs; arg: how many others are there? */
extern const struct bench_side bench_c_point_below, bench_rust_point_below;
extern const struct bench_side bench_c_point_equal, bench_rust_point_equal;

/* many.rs; n: how many fences? arg: how do they signal? */
enum bench_many {
	BENCH_DROP,
	BENCH_CANCEL_ALL,
	BENCH_UP_TO,
};

extern const struct bench_side bench_rust_many_fences, bench_rust_many_points;

/* irq_work.c, irq_work.rs */
extern const struct bench_side bench_c_irq_work, bench_rust_irq_work;

/*
 * merge.c, merge.rs; none, every other or all of the leaves have signalled, and they
 * are in arrays or not; arg: how many leaves, an odd number or a power of two?
 */
extern const struct bench_side bench_c_merge, bench_rust_merge;
extern const struct bench_side bench_c_merge_half, bench_rust_merge_half;
extern const struct bench_side bench_c_merge_all, bench_rust_merge_all;
extern const struct bench_side bench_c_merge_arrays, bench_rust_merge_arrays;
extern const struct bench_side bench_c_merge_arrays_half, bench_rust_merge_arrays_half;
extern const struct bench_side bench_c_merge_arrays_all, bench_rust_merge_arrays_all;
extern const struct bench_side bench_c_dedup, bench_rust_dedup;

/*
 * The place of one of as many leaves, which are in no order. No two have the same: not
 * two of the triangular numbers, modulo a power of two; and not two of the multiples of
 * half of an odd number, modulo that.
 */
static inline u32 bench_shuffle(u32 i, u32 leaves)
{
	if (leaves == 1)
		return 0;
	return (leaves & 1 ? i * (leaves / 2) : i * (i + 1) / 2) % leaves;
}

/* An array of fences, even of one; takes its own references to them. */
struct dma_fence *bench_array(struct dma_fence **fences, u32 count);

/* array.c, array.rs; arg: how many members? */
extern const struct bench_side bench_c_array_create, bench_rust_array_create;
extern const struct bench_side bench_c_array_signal, bench_rust_array_signal;

/* chain.c, chain.rs; arg: how many links? */
extern const struct bench_side bench_c_append, bench_rust_append;
extern const struct bench_side bench_c_walk, bench_rust_walk;
extern const struct bench_side bench_c_find, bench_rust_find;
extern const struct bench_side bench_c_collect, bench_rust_collect;

/* resv.c, resv.rs; arg: how many fences? */
extern const struct bench_side bench_c_resv_lock, bench_rust_resv_lock;
extern const struct bench_side bench_c_resv_hold, bench_rust_resv_hold;
extern const struct bench_side bench_c_resv_add, bench_rust_resv_add;
extern const struct bench_side bench_c_resv_add_one, bench_rust_resv_add_one;
extern const struct bench_side bench_c_resv_attach, bench_rust_resv_attach;
extern const struct bench_side bench_c_resv_iterate, bench_rust_resv_iterate;
extern const struct bench_side bench_c_resv_unlocked, bench_rust_resv_unlocked;
extern const struct bench_side bench_c_resv_test, bench_rust_resv_test;
extern const struct bench_side bench_c_resv_wait, bench_rust_resv_wait;
extern const struct bench_side bench_c_resv_set, bench_rust_resv_set;
extern const struct bench_side bench_c_sync_file, bench_rust_sync_file;

struct seq_file;

/* many.c */
int bench_many_show(struct seq_file *seq);

/* unload.rs; arg: how many contexts? */
extern const struct bench_side bench_rust_contexts;

/* unload.c */
int bench_unload_show(struct seq_file *seq);

/* harness.c */
int bench_init(void);
void bench_exit(void);

#endif /* DMA_BUF_BENCH_H */
