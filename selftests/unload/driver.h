/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The modules that are unloaded, and what is seen of fences. The module is
 * dma_buf_unload, and dma_buf_orphan, which depends on it; foreign fences are those of
 * vfence. (Those of sw_sync would do, but its use taints.)
 */
#ifndef UNLOAD_DRIVER_H
#define UNLOAD_DRIVER_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <linux/vfence.h>

#include "module.h"

/* A bound on a hang, and no measure. */
#define WAIT_MSEC 20000

/* The lowest free descriptor, which the next one to be made will be. */
static inline int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* What the module leaves behind: see leave() in rust/dma_buf_unload/leave.rs. */
enum {
	LEAVE_CONTEXT,
	LEAVE_HANDLE,
	LEAVE_REGISTRATION,
	LEAVE_PROXY,
	LEAVE_WORKS,
	LEAVE_CHAIN,
	LEAVE_NOTHING,
	LEAVE_CLASS,
	LEAVE_CONTEXTS,
	LEAVE_CLEANUP,
	LEAVE_JOB_QUEUE,
	LEAVE_ALLOCATIONS,
	LEAVE_CONTAINERS,
	LEAVE_JOB,
	/* How many there are. */
	LEAVES,
};

static inline int load(unsigned int leave, int foreign)
{
	char parameters[64];

	snprintf(parameters, sizeof(parameters), "leave=%u fd=%d", leave, foreign);
	return load_module("dma_buf_unload", parameters);
}

static inline int load_orphan(void)
{
	return load_module("dma_buf_orphan", "");
}

static inline int unload(void)
{
	return unload_module("dma_buf_unload");
}

/*
 * The references to the library's module that no other module accounts for, or
 * INT32_MIN.
 */
static inline int kept(void)
{
	FILE *file = fopen("/sys/module/dma_buf_rs/refcnt", "re");
	DIR *holders = opendir("/sys/module/dma_buf_rs/holders");
	int count = INT32_MIN, one;
	struct dirent *entry;

	if (file && holders && fscanf(file, "%d", &one) == 1) {
		count = one;
		while ((entry = readdir(holders)))
			count -= entry->d_name[0] != '.';
	}
	if (holders)
		closedir(holders);
	if (file)
		fclose(file);
	return count;
}

/* The status of a fence, 0 while it is pending, or INT32_MIN. */
static inline int status(int fence, char *driver)
{
	struct sync_fence_info one = {};
	struct sync_file_info info = {
		.num_fences = 1, .sync_fence_info = (uintptr_t)&one,
	};

	if (ioctl(fence, SYNC_IOC_FILE_INFO, &info) || info.num_fences != 1)
		return INT32_MIN;
	if (driver)
		memcpy(driver, one.driver_name, sizeof(one.driver_name));
	return one.status;
}

static inline int signalled_within(int fence, int msec)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };

	return poll(&p, 1, msec) == 1 && p.revents == POLLIN;
}

/* Has the kernel crashed or warned since it booted? */
static inline int is_well(void)
{
	FILE *file = fopen("/proc/sys/kernel/tainted", "re");
	unsigned long taint = ~0UL;

	if (file && fscanf(file, "%lu", &taint) != 1)
		taint = ~0UL;
	if (file)
		fclose(file);
	/* TAINT_BAD_PAGE, TAINT_DIE, TAINT_WARN */
	return !(taint & (1 << 5 | 1 << 7 | 1 << 9));
}

/* The same, a while later: long enough for what is left to run, or not to. */
static inline int stays_well(void)
{
	usleep(300000);
	return is_well();
}

/* The kernel's log, from here on. */
static inline int kernel_log(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log >= 0 && lseek(log, 0, SEEK_END)) {
		close(log);
		return -1;
	}
	return log;
}

/* How often the module has said this since it was last asked, or -1. */
static inline int said(int log, const char *text)
{
	char line[8192];
	int count = 0, n;

	while ((n = read(log, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		count += strstr(line, ";dma_buf_unload: ") && strstr(line, text);
	}
	return n < 0 && errno == EAGAIN ? count : -1;
}

/* A fence of vfence, and its number; or a negative error code. */
static inline int submit_foreign(int timeline, uint64_t *seqno)
{
	struct vfence_submit submit = { .flags = VFENCE_SUBMIT_MANUAL };

	if (ioctl(timeline, VFENCE_IOC_SUBMIT, &submit))
		return -errno;
	*seqno = submit.seqno;
	return submit.fd;
}

/* 0 once the foreign fence has signalled. */
static inline int signal_foreign(int timeline, uint64_t seqno, int foreign)
{
	struct vfence_signal signal = { .seqno = seqno };

	if (ioctl(timeline, VFENCE_IOC_SIGNAL, &signal))
		return -errno;
	return signalled_within(foreign, WAIT_MSEC) ? 0 : -ETIME;
}

#endif /* UNLOAD_DRIVER_H */
