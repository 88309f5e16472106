/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of /dev/vfence share. A device that is not there skips them.
 */
#ifndef VFENCE_TEST_H
#define VFENCE_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <linux/vfence.h>

#include "kselftest_harness.h"

#define MSEC 1000000ULL

/* Bounds on a hang, and no measure: emulated guests on a busy host are slow. */
#define WAIT_MSEC 20000
/* Long enough to stay pending through a test, short enough not to delay it. */
#define LONG_NSEC (9000 * MSEC)

static inline int timeline(void)
{
	return open("/dev/vfence", O_RDWR | O_CLOEXEC);
}

/* The descriptor, or -errno. */
static inline int submit(int device, uint32_t flags, uint64_t delay_ns, int error,
			 uint64_t *seqno)
{
	struct vfence_submit s = {
		.flags = flags, .delay_ns = delay_ns, .error = error, .fd = -1,
	};

	int ret = ioctl(device, VFENCE_IOC_SUBMIT, &s) ? -errno : s.fd;

	if (seqno)
		*seqno = s.seqno;
	return ret;
}

static inline int timed(int device, uint64_t delay_ns)
{
	return submit(device, 0, delay_ns, 0, NULL);
}

static inline int manual(int device, uint64_t *seqno)
{
	return submit(device, VFENCE_SUBMIT_MANUAL, 0, 0, seqno);
}

static inline int complete(int device, uint64_t seqno)
{
	struct vfence_signal s = { .seqno = seqno };

	return ioctl(device, VFENCE_IOC_SIGNAL, &s) ? -errno : 0;
}

static inline int signaled_within(int fence, int msec)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };

	return poll(&p, 1, msec) == 1 && p.revents == POLLIN;
}

static inline int is_signaled(int fence)
{
	return signaled_within(fence, 0);
}

/* Number of fences in a file, or -errno; the first `max` are described. */
static inline int describe(int fence, struct sync_file_info *info,
			   struct sync_fence_info *fences, unsigned int max)
{
	memset(info, 0, sizeof(*info));
	memset(fences, 0, max * sizeof(*fences));
	info->num_fences = max;
	info->sync_fence_info = (uintptr_t)fences;
	return ioctl(fence, SYNC_IOC_FILE_INFO, info) ? -errno : (int)info->num_fences;
}

/* 1 signalled, 0 pending, or the error it signalled with. */
static inline int status(int fence)
{
	struct sync_file_info info = {};

	return ioctl(fence, SYNC_IOC_FILE_INFO, &info) ? -ENOTTY : info.status;
}

static inline uint64_t timestamp(int fence)
{
	struct sync_file_info info;
	struct sync_fence_info f;

	return describe(fence, &info, &f, 1) == 1 ? f.timestamp_ns : 0;
}

static inline int merge(int a, int b)
{
	struct sync_merge_data m = { .name = "merged", .fd2 = b };

	return ioctl(a, SYNC_IOC_MERGE, &m) ? -errno : m.fence;
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 * MSEC + t.tv_nsec;
}

/*
 * Every fixture has one timeline.
 *
 * checkpatch: MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_WITH_FLOW_CONTROL,MACRO_ARG_REUSE: it makes
 * functions, as the harness's own macros do
 */
#define TIMELINE_FIXTURE(name)							\
	FIXTURE(name) { int dev; };						\
	FIXTURE_SETUP(name)							\
	{									\
		self->dev = timeline();						\
		if (self->dev < 0 && errno == ENOENT)				\
			SKIP(return, "there is no /dev/vfence");		\
		ASSERT_LE(0, self->dev);					\
	}									\
	FIXTURE_TEARDOWN(name)							\
	{									\
		if (self->dev >= 0)						\
			close(self->dev);					\
	}

#endif
