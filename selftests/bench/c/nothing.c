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

BENCH_RUST(nothing);
const struct bench_op bench_nothing = { { prepare, run, finish }, &bench_rust_nothing };
