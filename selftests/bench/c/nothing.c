// SPDX-License-Identifier: GPL-2.0

/* An empty loop. */

#include "bench.h"

static void *prepare(u32 n, u32 arg)
{
	static int state;

	return &state;
}

static void run(void *state, u32 n)
{
	repeat(n)
		;
}

static void finish(void *state)
{
}

const struct bench_side bench_c_nothing = { prepare, run, finish };
