// SPDX-License-Identifier: GPL-2.0

/*
 * Measures the operations and prints them when somebody reads the file
 * dma_buf_bench in debugfs: operation, n, C's and Rust's cost of one, goal and
 * reason. The unit of costs is the clock's: under QEMU's -icount, with one vCPU,
 * an instruction of the guest.
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
#include <linux/glob.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/sort.h>
#include <linux/timekeeping.h>

#include "bench.h"

#define BATCHES 31

static char *rows = "*";
module_param(rows, charp, 0444);
MODULE_PARM_DESC(rows, "A shell pattern of the names of the rows to measure");

/* In the order in which they are measured. */
static const struct bench_row *const tables[] = {
	bench_life_rows, bench_fence_rows, bench_callback_rows, bench_wait_rows,
	bench_batch_rows, bench_irq_work_rows, bench_points_rows, bench_merge_rows,
	bench_array_rows, bench_chain_rows, bench_resv_rows,
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

/* The medians for two sides that take turns: those of @op, as the row has it. */
static int measure(const struct bench_op *op, const struct bench_row *row, u64 medians[2])
{
	const struct bench_side *const sides[] = { row->less ? op->rust : &op->c, op->rust };
	const u32 args[] = { row->less ?: row->arg, row->arg };
	u64 took[2][BATCHES];
	int i, s, ret;

	for (i = 0; i < BATCHES; i++) {
		for (s = 0; s < 2; s++) {
			ret = batch(sides[s], row->n, args[s], row->op->irqs_on,
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

bool bench_wanted(const struct bench_row *row)
{
	return glob_match(rows, row->name);
}

void bench_print(struct seq_file *seq, const struct bench_row *row, const u64 costs[2])
{
	if (bench_wanted(row))
		seq_printf(seq, "%s\t%u\t%llu.%02llu\t%llu.%02llu\t%s\t%s\n", row->name,
			   row->n, costs[0] / 100, costs[0] % 100, costs[1] / 100,
			   costs[1] % 100, row->goal, row->reason ?: "");
}

static int measure_table(struct seq_file *seq, const struct bench_row *row)
{
	for (; row->name; row++) {
		u64 empty[2], full[2], costs[2];
		int s, ret;

		if (!bench_wanted(row))
			continue;
		ret = measure(&bench_nothing, row, empty) ?: measure(row->op, row, full);
		if (ret)
			return ret;
		for (s = 0; s < 2; s++)
			costs[s] = cost(full[s], empty[s], row->n);
		bench_print(seq, row, costs);
	}
	return 0;
}

static int bench_show(struct seq_file *seq, void *unused)
{
	u32 i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		ret = measure_table(seq, tables[i]);
		if (ret)
			return ret;
	}
	return bench_unload_show(seq) ?: bench_many_show(seq);
}

static int bench_open(struct inode *inode, struct file *file)
{
	/* With a buffer that is too small, everything would be measured once more. */
	return single_open_size(file, bench_show, inode->i_private, SZ_64K);
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

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
