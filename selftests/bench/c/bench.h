/* SPDX-License-Identifier: GPL-2.0 */

/*
 * What the benchmarked sides have in common. Each operation is there twice, in
 * C and in Rust, behind the same three functions. The rows of the results are at
 * the end of the file with its C half.
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

/* @irqs_on: the operation may sleep, or needs interrupts */
struct bench_op {
	struct bench_side c;
	const struct bench_side *rust;
	bool irqs_on;
};

/* The Rust half of an operation. */
#define BENCH_RUST(name) extern const struct bench_side bench_rust_##name

/* The operation bench_NAME, of which these three functions are the C half. */
#define BENCH(name, prepare, run, finish, ...)					\
	BENCH_RUST(name);							\
	static const struct bench_op bench_##name = {				\
		{ prepare, run, finish }, &bench_rust_##name, __VA_ARGS__	\
	}

/*
 * @less: not 0 if Rust is compared to Rust with this for @arg, not to C
 * @goal: what Rust may cost at most, as a ratio to what it is compared to; "-" for none
 * @reason: why Rust costs more, or why there is no goal
 */
struct bench_row {
	const char *name;
	const struct bench_op *op;
	u32 n;
	u32 arg;
	u32 less;
	const char *goal;
	const char *reason;
};

/* Each ends with a row without a name. */
extern const struct bench_row bench_life_rows[], bench_fence_rows[], bench_callback_rows[],
	bench_wait_rows[], bench_batch_rows[], bench_irq_work_rows[], bench_points_rows[],
	bench_merge_rows[], bench_array_rows[], bench_chain_rows[], bench_resv_rows[];

/* Nothing, that often: what the loop, the call and the clock cost. */
extern const struct bench_op bench_nothing;

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

struct seq_file;

/* Rows that are measured in a way of their own. */
int bench_unload_show(struct seq_file *seq);
int bench_many_show(struct seq_file *seq);

/* harness.c; costs are C's, or what takes its place, and Rust's, in hundredths */
bool bench_wanted(const struct bench_row *row);
void bench_print(struct seq_file *seq, const struct bench_row *row, const u64 costs[2]);
int bench_init(void);
void bench_exit(void);

#endif /* DMA_BUF_BENCH_H */
