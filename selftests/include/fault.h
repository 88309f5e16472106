/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations that fail, in a kernel that injects faults (CONFIG_FAILSLAB,
 * CONFIG_FAIL_PAGE_ALLOC). Only those of a thread that has asked for it do.
 */
#ifndef DMA_BUF_FAULT_H
#define DMA_BUF_FAULT_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

/* Any allocation may be one that fails, and without a line in the log. 0, or -errno. */
static inline int inject_faults(void)
{
	static const char *const settings[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
	};
	int ret = 0;

	for (unsigned int i = 0; !ret && i < sizeof(settings) / sizeof(settings[0]); i++) {
		char path[80];

		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", settings[i][0]);
		ret = write_text(path, settings[i][1]);
	}
	return ret;
}

/* A descriptor for the allocations of this thread, or -errno. */
static inline int open_faults(void)
{
	int faults = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	return faults < 0 ? -errno : faults;
}

/* From here on, the n-th allocation of this thread fails. */
static inline void arm(int faults, unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	if (pwrite(faults, text, strlen(text), 0) < 0)
		abort();
}

/* Has an allocation of this thread failed since arm()? It may be one outside the call. */
static inline bool disarm(int faults)
{
	char left[16];
	ssize_t n;

	/*
	 * If another thread has forked, writing to this buffer copies its page, and the
	 * allocation for that may be the one that fails. Only one does, so read again.
	 */
	do
		n = pread(faults, left, sizeof(left), 0);
	while (n < 0 && errno == EFAULT);
	if (n <= 0 || pwrite(faults, "0", 1, 0) < 0)
		abort();
	return left[0] == '0';
}

#endif /* DMA_BUF_FAULT_H */
