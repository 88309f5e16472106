// SPDX-License-Identifier: GPL-2.0

/*
 * Signals 1 000 000 fences, and 10 000: what one of them costs, and for how long
 * interrupts are off at a stretch. A timer that is due a little later each time
 * measures that: it is late by about as much.
 */

#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "bench.h"

/*
 * In how many ns the timer is due. It catches all of a stretch only if it is due where
 * that begins, which is a little after the timer's own interrupt: hence the steps.
 */
#define DUE_MIN 1000
#define DUE_MAX 3560
#define DUE_STEP 64

#define MOST_TIMES 25

#define FEW 10000
#define MANY 1000000

/* The few are signalled over and over, so that interrupts come in between, too. */
static const struct {
	u32 count;
	u32 times;
} sizes[] = { { FEW, MOST_TIMES }, { MANY, 1 } };

/* How they signal; many.rs has the same numbers. */
enum how {
	DROP,
	CANCEL_ALL,
	UP_TO,
};

/* n: how many fences? arg: how do they signal? */
BENCH_RUST(many_fences);
BENCH_RUST(many_points);

/* checkpatch: MACRO_ARG_REUSE: @name is a string literal */
#define WAY(name, side, how) {							\
	side, how,								\
	{ name ", to " __stringify(FEW), .n = MANY, .goal = "1.10" },		\
	{ name ", irqs off, to " __stringify(FEW), .n = 1, .goal = "1.10" },	\
}

static const struct {
	const struct bench_side *side;
	enum how how;
	struct bench_row one, off;
} ways[] = {
	WAY("drop, " __stringify(MANY) " fences", &bench_rust_many_fences, DROP),
	WAY("drop, " __stringify(MANY) " points", &bench_rust_many_points, DROP),
	WAY("cancel all, " __stringify(MANY) " fences", &bench_rust_many_fences, CANCEL_ALL),
	WAY("cancel all, " __stringify(MANY) " points", &bench_rust_many_points, CANCEL_ALL),
	WAY("signal up to, " __stringify(MANY) " fences", &bench_rust_many_fences, UP_TO),
	WAY("signal up to, " __stringify(MANY) " points", &bench_rust_many_points, UP_TO),
};

static struct hrtimer timer;
static s64 latest;
static unsigned long tick;
static u32 due;

static enum hrtimer_restart look(struct hrtimer *timer)
{
	ktime_t now = ktime_get();

	/* The tick adds to a stretch that it falls into; in a very long one are more. */
	if (jiffies - tick != 1)
		latest = max(latest, ktime_sub(now, hrtimer_get_expires(timer)));
	tick = jiffies;
	due = due < DUE_MAX ? due + DUE_STEP : DUE_MIN;
	hrtimer_set_expires(timer, ktime_add_ns(now, due));
	return HRTIMER_RESTART;
}

/* Signals @count fences; returns how long it took. */
static u64 signal_many(const struct bench_side *side, void *state, u32 count)
{
	u64 start, took;

	due = DUE_MIN;
	tick = jiffies;
	hrtimer_start(&timer, ns_to_ktime(due), HRTIMER_MODE_REL_HARD);
	start = ktime_get_ns();
	side->run(state, count);
	took = ktime_get_ns() - start;
	hrtimer_cancel(&timer);
	return took;
}

/* What a fence costs, and the longest stretch, both in hundredths. */
static int measure(const struct bench_side *side, enum how how, u32 count,
		   u32 times, u64 *cost, u64 *off)
{
	void *states[MOST_TIMES];
	u64 took = 0;
	int ret = 0;
	u32 i;

	for (i = 0; i < times; i++) {
		states[i] = side->prepare(count, how);
		if (!states[i]) {
			ret = -ENOMEM;
			break;
		}
	}
	times = i;
	/* What was given up before is not to be freed meanwhile. */
	msleep(200);

	latest = 0;
	for (i = 0; i < times; i++)
		took += signal_many(side, states[i], count);
	*cost = div_u64(took * 100, max(times, 1) * count);
	*off = 100 * latest;

	for (i = 0; i < times; i++)
		side->finish(states[i]);
	return ret;
}

int bench_many_show(struct seq_file *seq)
{
	u32 i, j;

	hrtimer_setup(&timer, look, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		u64 cost[2], off[2];

		if (!bench_wanted(&ways[i].one) && !bench_wanted(&ways[i].off))
			continue;
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			int ret = measure(ways[i].side, ways[i].how, sizes[j].count,
					  sizes[j].times, &cost[j], &off[j]);

			if (ret)
				return ret;
		}
		bench_print(seq, &ways[i].one, cost);
		bench_print(seq, &ways[i].off, off);
	}
	return 0;
}
