/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random numbers that a seed determines, and what FUZZ= says: "SECONDS[:SEED[:THREADS]]".
 */
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct stream {
	uint64_t state;
};

/* splitmix64 */
static inline uint64_t next(struct stream *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* From 0 to n - 1. */
static inline uint32_t below(struct stream *s, uint32_t n)
{
	return next(s) % n;
}

static inline bool one_in(struct stream *s, uint32_t n)
{
	return !below(s, n);
}

struct orders {
	unsigned int seconds, threads;
	uint64_t seed;
};

static inline struct orders read_orders(unsigned int seconds, unsigned int threads)
{
	struct orders o = { seconds, threads, time(NULL) };
	const char *text = getenv("FUZZ");
	unsigned long long seed;

	if (text && sscanf(text, "%u:%llu:%u", &o.seconds, &seed, &o.threads) > 1)
		o.seed = seed;
	printf("# FUZZ=%u:%llu:%u\n", o.seconds, (unsigned long long)o.seed, o.threads);
	return o;
}

#endif
