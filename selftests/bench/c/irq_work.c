// SPDX-License-Identifier: GPL-2.0

/* From the queueing of an irq_work to its having run, in C. */

#include <linux/irq_work.h>
#include <linux/processor.h>
#include <linux/slab.h>

#include "bench.h"

struct state {
	struct irq_work work;
	u32 ran;
};

static void ran(struct irq_work *work)
{
	struct state *state = container_of(work, struct state, work);

	WRITE_ONCE(state->ran, state->ran + 1);
}

static void *prepare(u32 n, u32 arg)
{
	struct state *state = kzalloc_obj(*state, GFP_KERNEL);

	if (state)
		init_irq_work(&state->work, ran);
	return state;
}

static void run(void *data, u32 n)
{
	struct state *state = data;

	repeat(n) {
		u32 before = READ_ONCE(state->ran);

		irq_work_queue(&state->work);
		while (READ_ONCE(state->ran) == before)
			cpu_relax();
	}
}

static void finish(void *data)
{
	struct state *state = data;

	irq_work_sync(&state->work);
	kfree(state);
}

BENCH(irq_work, prepare, run, finish, .irqs_on = true);

const struct bench_row bench_irq_work_rows[] = {
	{ "irq_work, queue to run", &bench_irq_work, .n = 200, .goal = "1.05",
	  .reason = "it asks twice if its module is unloaded, and calls the body by pointer" },
	{ }
};
