/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of vfence with another driver's dma-bufs share: a buffer of
 * udmabuf's, and what is asked of it. A driver that is not there skips them.
 */
#ifndef RESV_TEST_H
#define RESV_TEST_H

#include <stdio.h>
#include <sys/mman.h>

#include <linux/dma-buf.h>

#include "buffer.h"
#include "vfence_test.h"

#define USAGES 4

/* A job that is completed by hand, and its number. */
static inline int manual_at(int dev, uint64_t *seqno)
{
	struct vfence_submit s = { .flags = VFENCE_SUBMIT_MANUAL };
	int fence = submit_job(dev, &s);

	*seqno = s.seqno;
	return fence;
}

static inline int attach(int device, int buf, int fence, uint32_t usage)
{
	struct vfence_attach a = { .dmabuf_fd = buf, .fence_fd = fence, .usage = usage };

	return ioctl(device, VFENCE_IOC_ATTACH, &a) ? -errno : 0;
}

/* How many fences of this usage, or one before it, are pending; or -errno. */
static inline int pending(int device, int buf, uint32_t usage)
{
	struct vfence_resv r = { .dmabuf_fd = buf, .usage = usage };

	return ioctl(device, VFENCE_IOC_RESV, &r) ? -errno : (int)r.pending;
}

/* How many of each usage are, a decimal digit each: 1000 is one of the kernel's; or -errno. */
static inline int counts(int device, int buf)
{
	struct vfence_resv r = { .dmabuf_fd = buf, .usage = VFENCE_USAGE_BOOKKEEP };

	if (ioctl(device, VFENCE_IOC_RESV, &r))
		return -errno;
	return r.counts[0] * 1000 + r.counts[1] * 100 + r.counts[2] * 10 + r.counts[3];
}

/* Would a reader (POLLIN) or a writer (POLLOUT) have to wait no longer than this? */
static inline int ready_within(int buf, short events, int msec)
{
	struct pollfd p = { .fd = buf, .events = events };

	return poll(&p, 1, msec) == 1 && p.revents == events;
}

static inline int is_ready(int buf, short events)
{
	return ready_within(buf, events, 0);
}

/* The descriptor, or -errno. */
static inline int export(int buf, uint32_t flags)
{
	struct dma_buf_export_sync_file e = { .flags = flags, .fd = -1 };

	return ioctl(buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &e) ? -errno : e.fd;
}

static inline int import(int buf, int fence, uint32_t flags)
{
	struct dma_buf_import_sync_file i = { .flags = flags, .fd = fence };

	return ioctl(buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &i) ? -errno : 0;
}

/* How many references there are to a buffer, or -1. */
static inline int references(int buf)
{
	char path[64], line[128];
	int count = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", buf);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "count: %d", &count) == 1)
			break;
	fclose(f);
	return count;
}

/*
 * Every fixture has one timeline, and a buffer.
 *
 * checkpatch: MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_WITH_FLOW_CONTROL,MACRO_ARG_REUSE: it makes
 * functions, as the harness's own macros do
 */
#define BUFFER_FIXTURE(name)							\
	FIXTURE(name) { int dev, buf; };					\
	FIXTURE_SETUP(name)							\
	{									\
		self->dev = timeline();						\
		if (self->dev < 0 && errno == ENOENT)				\
			SKIP(return, "there is no /dev/vfence");		\
		ASSERT_LE(0, self->dev);					\
		self->buf = buffer();						\
		if (self->buf == -ENOENT)					\
			SKIP(return, "there is no /dev/udmabuf");		\
		ASSERT_LE(0, self->buf);					\
	}									\
	FIXTURE_TEARDOWN(name)							\
	{									\
		close(self->buf);						\
		close(self->dev);						\
	}

#endif
