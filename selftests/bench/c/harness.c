// SPDX-License-Identifier: GPL-2.0

/*
 * Measures the operations and prints them when somebody reads the file
 * dma_buf_bench in debugfs: operation, n, and C's and Rust's cost of one, in the
 * unit of the clock. Under QEMU's -icount, with one vCPU, that is an instruction
 * of the guest.
 *
 * What an allocation costs differs, as the allocator takes and gives memory in
 * bulk; with so many in a batch, one more or less of that does not count.
 *
 * C and Rust take turns, and what counts is the median of what each batch took,
 * less the median of an empty one. Where the operation allows it, interrupts are
 * off for a batch; where it does not, batches are short enough for most of them
 * not to meet a timer tick, so that the median is one of those.
 */

#include <linux/debugfs.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include <linux/timekeeping.h>

#include "bench.h"

#define BATCHES 31

struct bench_row {
	const char *name;
	const struct bench_side *c, *rust;
	u32 n;
	u32 arg;
	/* Where it is not C that Rust is compared to, but Rust with this for arg. */
	u32 less;
	bool irqs_on;
};

#define PENDING .arg = 0
#define SIGNALLED .arg = 1

/* One that may sleep, or needs interrupts, has them on. */
static const struct bench_row rows[] = {
	{ "life, bare C fence", &bench_c_life_bare, &bench_rust_life,
	  .n = 2000, .irqs_on = true },
	{ "life, C timeline", &bench_c_life_timeline, &bench_rust_life,
	  .n = 2000, .irqs_on = true },
	{ "get and put", &bench_c_get_put, &bench_rust_get_put, .n = 1000 },
	{ "flag test, pending", &bench_c_flag, &bench_rust_flag,
	  .n = 1000, PENDING },
	{ "flag test, signalled", &bench_c_flag, &bench_rust_flag,
	  .n = 1000, SIGNALLED },
	{ "is_signaled, pending", &bench_c_is_signaled, &bench_rust_is_signaled,
	  .n = 1000, PENDING },
	{ "is_signaled, signalled", &bench_c_is_signaled, &bench_rust_is_signaled,
	  .n = 1000, SIGNALLED },
	{ "add and remove callback", &bench_c_add_remove, &bench_rust_add_remove,
	  .n = 1000 },
	{ "signal, 1 callback", &bench_c_signal, &bench_rust_signal,
	  .n = 500, .arg = 1 },
	{ "signal, 10 callbacks", &bench_c_signal, &bench_rust_signal,
	  .n = 100, .arg = 10 },
	{ "signal, 1000 callbacks", &bench_c_signal, &bench_rust_signal,
	  .n = 4, .arg = 1000 },
	{ "wait(0), pending", &bench_c_wait, &bench_rust_wait,
	  .n = 500, PENDING, .irqs_on = true },
	{ "wait(0), signalled", &bench_c_wait, &bench_rust_wait,
	  .n = 500, SIGNALLED, .irqs_on = true },
	{ "section", &bench_c_section, &bench_rust_section, .n = 1000 },
	{ "signal up to, 1 pending, C loop", &bench_c_up_to_loop,
	  &bench_rust_up_to, .n = 500, .arg = 1 },
	{ "signal up to, 1 pending, C batch", &bench_c_up_to_batch,
	  &bench_rust_up_to, .n = 500, .arg = 1 },
	{ "signal up to, 64 pending, C loop", &bench_c_up_to_loop,
	  &bench_rust_up_to, .n = 10, .arg = 64 },
	{ "signal up to, 64 pending, C batch", &bench_c_up_to_batch,
	  &bench_rust_up_to, .n = 10, .arg = 64 },
	{ "signal up to, 4096 pending, C loop", &bench_c_up_to_loop,
	  &bench_rust_up_to, .n = 1, .arg = 4096 },
	{ "signal up to, 4096 pending, C batch", &bench_c_up_to_batch,
	  &bench_rust_up_to, .n = 1, .arg = 4096 },
	{ "irq_work, queue to run", &bench_c_irq_work, &bench_rust_irq_work,
	  .n = 200, .irqs_on = true },
	{ "point below 1000 others", &bench_c_point_below,
	  &bench_rust_point_below, .n = 200, .arg = 1000 },
	{ "point below 10000 others", &bench_c_point_below,
	  &bench_rust_point_below, .n = 200, .arg = 10000 },
	{ "point below 100000 others", &bench_c_point_below,
	  &bench_rust_point_below, .n = 200, .arg = 100000 },
	{ "point equal to 1000 others", &bench_c_point_equal,
	  &bench_rust_point_equal, .n = 200, .arg = 1000 },
	{ "point equal to 10000 others", &bench_c_point_equal,
	  &bench_rust_point_equal, .n = 200, .arg = 10000 },
	{ "point equal to 100000 others", &bench_c_point_equal,
	  &bench_rust_point_equal, .n = 200, .arg = 100000 },
	{ "point below 100000 others, to 1000", &bench_rust_point_below,
	  &bench_rust_point_below, .n = 200, .arg = 100000, .less = 1000 },
	{ "point equal to 100000 others, to 1000", &bench_rust_point_equal,
	  &bench_rust_point_equal, .n = 200, .arg = 100000, .less = 1000 },
	{ "merge, 1 leaf", &bench_c_merge,
	  &bench_rust_merge, .n = 500, .arg = 1, .irqs_on = true },
	{ "merge, 1 leaf, signalled", &bench_c_merge_all,
	  &bench_rust_merge_all, .n = 500, .arg = 1, .irqs_on = true },
	{ "merge, 1 leaf, in an array", &bench_c_merge_arrays,
	  &bench_rust_merge_arrays, .n = 500, .arg = 1, .irqs_on = true },
	{ "merge, 1 leaf, in an array, signalled", &bench_c_merge_arrays_all,
	  &bench_rust_merge_arrays_all, .n = 500, .arg = 1, .irqs_on = true },
	{ "merge, 2 leaves", &bench_c_merge,
	  &bench_rust_merge, .n = 500, .arg = 2, .irqs_on = true },
	{ "merge, 2 leaves, half signalled", &bench_c_merge_half,
	  &bench_rust_merge_half, .n = 500, .arg = 2, .irqs_on = true },
	{ "merge, 2 leaves, all signalled", &bench_c_merge_all,
	  &bench_rust_merge_all, .n = 500, .arg = 2, .irqs_on = true },
	{ "merge, 2 leaves, in 2 arrays", &bench_c_merge_arrays,
	  &bench_rust_merge_arrays, .n = 500, .arg = 2, .irqs_on = true },
	{ "merge, 2 leaves, in 2 arrays, half signalled", &bench_c_merge_arrays_half,
	  &bench_rust_merge_arrays_half, .n = 500, .arg = 2, .irqs_on = true },
	{ "merge, 2 leaves, in 2 arrays, all signalled", &bench_c_merge_arrays_all,
	  &bench_rust_merge_arrays_all, .n = 500, .arg = 2, .irqs_on = true },
	{ "merge, 5 leaves", &bench_c_merge,
	  &bench_rust_merge, .n = 200, .arg = 5, .irqs_on = true },
	{ "merge, 5 leaves, half signalled", &bench_c_merge_half,
	  &bench_rust_merge_half, .n = 200, .arg = 5, .irqs_on = true },
	{ "merge, 5 leaves, all signalled", &bench_c_merge_all,
	  &bench_rust_merge_all, .n = 200, .arg = 5, .irqs_on = true },
	{ "merge, 5 leaves, in 2 arrays", &bench_c_merge_arrays,
	  &bench_rust_merge_arrays, .n = 200, .arg = 5, .irqs_on = true },
	{ "merge, 5 leaves, in 2 arrays, half signalled", &bench_c_merge_arrays_half,
	  &bench_rust_merge_arrays_half, .n = 200, .arg = 5, .irqs_on = true },
	{ "merge, 5 leaves, in 2 arrays, all signalled", &bench_c_merge_arrays_all,
	  &bench_rust_merge_arrays_all, .n = 200, .arg = 5, .irqs_on = true },
	{ "merge, 9 leaves", &bench_c_merge,
	  &bench_rust_merge, .n = 200, .arg = 9, .irqs_on = true },
	{ "merge, 9 leaves, half signalled", &bench_c_merge_half,
	  &bench_rust_merge_half, .n = 200, .arg = 9, .irqs_on = true },
	{ "merge, 9 leaves, all signalled", &bench_c_merge_all,
	  &bench_rust_merge_all, .n = 200, .arg = 9, .irqs_on = true },
	{ "merge, 9 leaves, in 2 arrays", &bench_c_merge_arrays,
	  &bench_rust_merge_arrays, .n = 200, .arg = 9, .irqs_on = true },
	{ "merge, 9 leaves, in 2 arrays, half signalled", &bench_c_merge_arrays_half,
	  &bench_rust_merge_arrays_half, .n = 200, .arg = 9, .irqs_on = true },
	{ "merge, 9 leaves, in 2 arrays, all signalled", &bench_c_merge_arrays_all,
	  &bench_rust_merge_arrays_all, .n = 200, .arg = 9, .irqs_on = true },
	{ "merge, 32 leaves", &bench_c_merge,
	  &bench_rust_merge, .n = 50, .arg = 32, .irqs_on = true },
	{ "merge, 128 leaves", &bench_c_merge,
	  &bench_rust_merge, .n = 10, .arg = 128, .irqs_on = true },
	{ "merge, 128 leaves, half signalled", &bench_c_merge_half,
	  &bench_rust_merge_half, .n = 10, .arg = 128, .irqs_on = true },
	{ "merge, 128 leaves, in 2 arrays", &bench_c_merge_arrays,
	  &bench_rust_merge_arrays, .n = 10, .arg = 128, .irqs_on = true },
	{ "dedup, 2 leaves", &bench_c_dedup, &bench_rust_dedup,
	  .n = 500, .arg = 2 },
	{ "dedup, 8 leaves", &bench_c_dedup, &bench_rust_dedup,
	  .n = 200, .arg = 8 },
	{ "dedup, 32 leaves", &bench_c_dedup, &bench_rust_dedup,
	  .n = 50, .arg = 32 },
	{ "dedup, 128 leaves", &bench_c_dedup, &bench_rust_dedup,
	  .n = 10, .arg = 128 },
	{ "array create, 2", &bench_c_array_create, &bench_rust_array_create,
	  .n = 500, .arg = 2, .irqs_on = true },
	{ "array create, 16", &bench_c_array_create, &bench_rust_array_create,
	  .n = 100, .arg = 16, .irqs_on = true },
	{ "array create, 128", &bench_c_array_create, &bench_rust_array_create,
	  .n = 20, .arg = 128, .irqs_on = true },
	{ "array enable and signal, 2", &bench_c_array_signal,
	  &bench_rust_array_signal, .n = 200, .arg = 2, .irqs_on = true },
	{ "array enable and signal, 16", &bench_c_array_signal,
	  &bench_rust_array_signal, .n = 40, .arg = 16, .irqs_on = true },
	{ "array enable and signal, 128", &bench_c_array_signal,
	  &bench_rust_array_signal, .n = 5, .arg = 128, .irqs_on = true },
	{ "chain append, 64 links", &bench_c_append, &bench_rust_append,
	  .n = 64, .irqs_on = true },
	{ "chain append, 4096 links", &bench_c_append, &bench_rust_append,
	  .n = 4096, .irqs_on = true },
	{ "chain walk, 64 links", &bench_c_walk, &bench_rust_walk,
	  .n = 20, .arg = 64 },
	{ "chain walk, 4096 links", &bench_c_walk, &bench_rust_walk,
	  .n = 1, .arg = 4096 },
	{ "chain find, 64 links", &bench_c_find, &bench_rust_find,
	  .n = 20, .arg = 64 },
	{ "chain find, 4096 links", &bench_c_find, &bench_rust_find,
	  .n = 1, .arg = 4096 },
	{ "chain collect, 64 links", &bench_c_collect, &bench_rust_collect,
	  .n = 20, .arg = 64, .irqs_on = true },
	{ "chain collect, 4096 links", &bench_c_collect, &bench_rust_collect,
	  .n = 1, .arg = 4096, .irqs_on = true },
	{ "resv lock and unlock", &bench_c_resv_lock,
	  &bench_rust_resv_lock, .n = 500, .arg = 1, .irqs_on = true },
	{ "resv lock and unlock, with reference", &bench_c_resv_hold,
	  &bench_rust_resv_hold, .n = 500, .arg = 1, .irqs_on = true },
	{ "resv reserve and add, 1", &bench_c_resv_add_one,
	  &bench_rust_resv_add_one, .n = 500, .arg = 1, .irqs_on = true },
	{ "resv reserve and add, 8", &bench_c_resv_add,
	  &bench_rust_resv_add, .n = 100, .arg = 8, .irqs_on = true },
	{ "resv reserve and add, 64", &bench_c_resv_add,
	  &bench_rust_resv_add, .n = 10, .arg = 64, .irqs_on = true },
	{ "resv lock, reserve and add, 1", &bench_c_resv_attach,
	  &bench_rust_resv_attach, .n = 500, .arg = 1, .irqs_on = true },
	{ "resv iterate, 64, locked", &bench_c_resv_iterate,
	  &bench_rust_resv_iterate, .n = 50, .arg = 64, .irqs_on = true },
	{ "resv iterate, 64, unlocked", &bench_c_resv_unlocked,
	  &bench_rust_resv_unlocked, .n = 20, .arg = 64, .irqs_on = true },
	{ "resv test", &bench_c_resv_test,
	  &bench_rust_resv_test, .n = 500, .arg = 1, .irqs_on = true },
	{ "resv wait(0)", &bench_c_resv_wait,
	  &bench_rust_resv_wait, .n = 500, .arg = 1, .irqs_on = true },
	{ "resv lock all, 16", &bench_c_resv_set,
	  &bench_rust_resv_set, .n = 50, .arg = 1, .irqs_on = true },
	{ "sync_file create", &bench_c_sync_file, &bench_rust_sync_file,
	  .n = 50, .arg = 1, .irqs_on = true },
};

static int batch(const struct bench_side *side, u32 n, u32 arg, bool irqs_on,
		 u64 *took)
{
	void *state = side->prepare(n, arg);
	unsigned long flags = 0;
	u64 start;

	if (!state)
		return -ENOMEM;
	/* What earlier batches have freed is not to be freed in this one. */
	rcu_barrier();

	if (!irqs_on)
		local_irq_save(flags);
	start = ktime_get_ns();
	side->run(state, n);
	*took = ktime_get_ns() - start;
	if (!irqs_on)
		local_irq_restore(flags);

	side->finish(state);
	return 0;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* The medians for two sides that take turns. */
static int measure(const struct bench_side *const sides[2],
		   const struct bench_row *row, u64 medians[2])
{
	const u32 args[] = { row->less ?: row->arg, row->arg };
	u64 took[2][BATCHES];
	int i, s, ret;

	for (i = 0; i < BATCHES; i++) {
		for (s = 0; s < 2; s++) {
			ret = batch(sides[s], row->n, args[s], row->irqs_on,
				    &took[s][i]);
			if (ret)
				return ret;
		}
	}
	for (s = 0; s < 2; s++) {
		sort(took[s], BATCHES, sizeof(took[s][0]), compare, NULL);
		medians[s] = took[s][BATCHES / 2];
	}
	return 0;
}

/* Hundredths of the clock's unit, for one operation. */
static u64 cost(u64 took, u64 nothing, u32 n)
{
	return div_u64((took - min(took, nothing)) * 100 + n / 2, n);
}

static int bench_show(struct seq_file *seq, void *unused)
{
	static const struct bench_side *const nothing[] = {
		&bench_c_nothing, &bench_rust_nothing,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct bench_row *row = &rows[i];
		const struct bench_side *const sides[] = { row->c, row->rust };
		u64 empty[2], full[2], c, rust;
		int ret;

		ret = measure(nothing, row, empty) ?: measure(sides, row, full);
		if (ret)
			return ret;
		c = cost(full[0], empty[0], row->n);
		rust = cost(full[1], empty[1], row->n);
		seq_printf(seq, "%s\t%u\t%llu.%02llu\t%llu.%02llu\n", row->name,
			   row->n, c / 100, c % 100, rust / 100, rust % 100);
	}
	return bench_unload_show(seq) ?: bench_many_show(seq);
}
DEFINE_SHOW_ATTRIBUTE(bench);

static struct dentry *file;

int bench_init(void)
{
	file = debugfs_create_file("dma_buf_bench", 0400, NULL, NULL, &bench_fops);
	return PTR_ERR_OR_ZERO(file);
}

void bench_exit(void)
{
	debugfs_remove(file);
	/* Fences of the C side were freed by RCU, and one may just have signalled. */
	rcu_barrier();
}
