/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of the suite `contract` share. Those that do something over and
 * over go on for $CONTRACT_SECONDS, so that they do it side by side.
 */
#ifndef CONTRACT_TEST_H
#define CONTRACT_TEST_H

#include "resv_test.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 900

/* sw_sync has the same ioctls, on another file. */
static inline int sw_sync(void)
{
	return open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
}

/* Rounds of something, at least one. */
struct a_while {
	uint64_t end;
	unsigned long rounds;
};

static inline struct a_while a_while(void)
{
	const char *seconds = getenv("CONTRACT_SECONDS");
	uint64_t ns = strtoull(seconds ?: "1", NULL, 10) * 1000 * MSEC;

	return (struct a_while){ .end = now_ns() + ns };
}

/* When it does not, all have been done; what runs this looks for the line. */
static inline bool goes_on(struct a_while *w)
{
	if (w->rounds && now_ns() >= w->end) {
		printf("# %lu rounds\n", w->rounds);
		return false;
	}
	w->rounds++;
	return true;
}

#endif
