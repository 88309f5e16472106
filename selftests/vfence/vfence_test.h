/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of /dev/vfence share. A device that is not there skips them.
 *
 * What is to be pending is a job that only completes by hand, on a device that is
 * loaded with a bound well above what a test takes.
 */
#ifndef VFENCE_TEST_H
#define VFENCE_TEST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <linux/vfence.h>

#include "kselftest_harness.h"

/* Emulated guests on a busy host are slow. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

#define MSEC 1000000ULL

/* Bounds on a hang, and no measure. */
#define WAIT_MSEC 60000
/* The longest delay: a job that takes so long is not done before a test is. */
#define LONGEST (60000 * MSEC)
/* Long enough for what does not happen to have happened, nearly always. */
#define SETTLE_MSEC 50

/* What the core calls the driver of a fence that has signalled. */
#define DETACHED "detached-driver"

static inline int timeline(void)
{
	return open("/dev/vfence", O_RDWR | O_CLOEXEC);
}

/*
 * An ioctl and its argument: call(dev, SUBMIT(.delay_ns = 1)).
 *
 * checkpatch: COMPLEX_MACRO: they are two arguments of a function
 */
#define INFO(...)	VFENCE_IOC_INFO, &(struct vfence_info){ __VA_ARGS__ }
#define SETUP(...)	VFENCE_IOC_SETUP, &(struct vfence_setup){ __VA_ARGS__ }
#define SUBMIT(...)	VFENCE_IOC_SUBMIT, &(struct vfence_submit){ __VA_ARGS__ }
#define SIGNAL(...)	VFENCE_IOC_SIGNAL, &(struct vfence_signal){ __VA_ARGS__ }
#define HANG(...)	VFENCE_IOC_HANG, &(struct vfence_hang){ __VA_ARGS__ }
#define RESET(...)	VFENCE_IOC_RESET, &(struct vfence_reset){ __VA_ARGS__ }
#define COMBINE(...)	VFENCE_IOC_COMBINE, &(struct vfence_combine){ __VA_ARGS__ }
#define CHAIN(...)	VFENCE_IOC_CHAIN, &(struct vfence_chain){ __VA_ARGS__ }
#define QUERY(...)	VFENCE_IOC_QUERY, &(struct vfence_query){ __VA_ARGS__ }
#define CREATE(...)	VFENCE_IOC_SW_SYNC_CREATE, \
			&(struct vfence_sw_sync_create){ __VA_ARGS__ }
#define INC(n)		VFENCE_IOC_SW_SYNC_INC, &(uint32_t){ n }
#define SW_DEADLINE(...) VFENCE_IOC_SW_SYNC_DEADLINE, \
			 &(struct vfence_sw_sync_deadline){ __VA_ARGS__ }

static inline int call(int dev, unsigned long cmd, void *arg)
{
	return ioctl(dev, cmd, arg) ? -errno : 0;
}

static inline struct vfence_query query(int dev)
{
	struct vfence_query q;

	memset(&q, 0, sizeof(q));
	if (ioctl(dev, VFENCE_IOC_QUERY, &q))
		memset(&q, 0xff, sizeof(q));
	return q;
}

static inline int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* A counter of the device, or -1 where there is no debugfs. */
static inline long counter(const char *name)
{
	FILE *f = fopen("/sys/kernel/debug/vfence/counters", "re");
	char line[64];
	long n, value = -1;
	int len = strlen(name);

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && sscanf(line + len, " %ld", &n) == 1)
			value = n;
	fclose(f);
	return value;
}

/* What an ioctl that fails must leave as it was. */
struct unchanged {
	struct vfence_query query;
	long submitted, pending;
	int fds;
	/* the argument, as far as it can be read */
	ssize_t readable;
	char arg[4096];
};

static inline void observe(struct unchanged *u, int dev, unsigned long cmd, void *arg)
{
	int fd[2];

	memset(u, 0, sizeof(*u));
	u->fds = open_fds();
	u->query = query(dev);
	u->submitted = counter("submitted");
	u->pending = counter("pending");
	/* The kernel reads it for the write, so a bad address is an error, and no signal. */
	u->readable = -1;
	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC))
		return;
	u->readable = write(fd[1], arg, _IOC_SIZE(cmd) < 4096 ? _IOC_SIZE(cmd) : 4096);
	if (u->readable > 0 && read(fd[0], u->arg, u->readable) != u->readable)
		u->readable = -2;
	close(fd[0]);
	close(fd[1]);
}

#define HAS_CHANGED -10000

/* As call(), but an ioctl that fails must have changed nothing. */
static inline int refused(int dev, unsigned long cmd, void *arg)
{
	static struct unchanged before, after;
	int ret;

	observe(&before, dev, cmd, arg);
	ret = call(dev, cmd, arg);
	if (!ret)
		return 0;
	observe(&after, dev, cmd, arg);
	return memcmp(&before, &after, sizeof(before)) ? HAS_CHANGED + ret : ret;
}

/* These return a descriptor, or -errno. */
static inline int submit_job(int dev, struct vfence_submit *s)
{
	s->fd = -1;
	return ioctl(dev, VFENCE_IOC_SUBMIT, s) ? -errno : s->fd;
}

#define submit(dev, ...) submit_job(dev, &(struct vfence_submit){ __VA_ARGS__ })

static inline int timed(int dev, uint64_t delay_ns)
{
	return submit(dev, .delay_ns = delay_ns);
}

static inline int manual(int dev)
{
	return submit(dev, .flags = VFENCE_SUBMIT_MANUAL);
}

static inline int combine(int dev, uint32_t how, const int *fds, uint32_t count)
{
	struct vfence_combine c = {
		.how = how, .fences = (uintptr_t)fds, .count = count, .fd = -1,
	};

	return ioctl(dev, VFENCE_IOC_COMBINE, &c) ? -errno : c.fd;
}

static inline int chain(int dev, uint64_t point, int tail, int fence)
{
	struct vfence_chain c = { .point = point, .tail = tail, .fence = fence, .fd = -1 };

	return ioctl(dev, VFENCE_IOC_CHAIN, &c) ? -errno : c.fd;
}

static inline int point(int dev, uint32_t value)
{
	struct vfence_sw_sync_create c = { .value = value, .fence = -1 };

	return ioctl(dev, VFENCE_IOC_SW_SYNC_CREATE, &c) ? -errno : c.fence;
}

static inline int merge(int a, int b)
{
	struct sync_merge_data m = { .name = "merged", .fd2 = b };

	return ioctl(a, SYNC_IOC_MERGE, &m) ? -errno : m.fence;
}

static inline int setup(int dev, uint32_t kind)
{
	return call(dev, SETUP(.kind = kind));
}

static inline int complete(int dev, uint64_t seqno)
{
	return call(dev, SIGNAL(.seqno = seqno));
}

static inline int complete_one(int dev, uint64_t seqno)
{
	return call(dev, SIGNAL(.seqno = seqno, .flags = VFENCE_SIGNAL_ONE));
}

static inline int signaled_within(int fence, int msec)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };

	return poll(&p, 1, msec) == 1 && p.revents == POLLIN;
}

static inline int signals(int fence)
{
	return signaled_within(fence, WAIT_MSEC);
}

static inline int is_signaled(int fence)
{
	return signaled_within(fence, 0);
}

static inline int stays_pending(int fence)
{
	return !signaled_within(fence, SETTLE_MSEC);
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

static inline int fences_in(int fence)
{
	struct sync_file_info info = {};

	return ioctl(fence, SYNC_IOC_FILE_INFO, &info) ? -errno : (int)info.num_fences;
}

/* 1 signalled, 0 pending, or the error it signalled with. */
static inline int status(int fence)
{
	struct sync_file_info info = {};

	return ioctl(fence, SYNC_IOC_FILE_INFO, &info) ? -ENOTTY : info.status;
}

/* The one fence in a file; of several, or none, nothing. */
static inline struct sync_fence_info the_fence(int fence)
{
	struct sync_file_info info;
	struct sync_fence_info f;

	if (describe(fence, &info, &f, 1) != 1)
		memset(&f, 0, sizeof(f));
	return f;
}

static inline uint64_t timestamp(int fence)
{
	return the_fence(fence).timestamp_ns;
}

static inline int set_deadline(int fence, uint64_t ns)
{
	struct sync_set_deadline d = { .deadline_ns = ns };

	return ioctl(fence, SYNC_IOC_SET_DEADLINE, &d) ? -errno : 0;
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
