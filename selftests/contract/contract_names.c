// SPDX-License-Identifier: GPL-2.0
/*
 * The names that vfence's fences show in the kernel's trace.
 */
#include "contract_test.h"
#include "trace.h"

#include <pthread.h>

#define NAME "contract names"

FIXTURE(names) {
	int dev;
	struct trace t;
};

FIXTURE_SETUP(names)
{
	int ret;

	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_LE(0, self->dev);
	ret = trace_begin(&self->t);
	if (ret == -ENOENT)
		SKIP(return, "the kernel does not trace fences");
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(names)
{
	trace_end(&self->t);
	close(self->dev);
}

/* How often an event was traced of a context, with these names and with others. */
static void traced(struct trace *t, const char *event, uint64_t context,
		   const char *driver, const char *timeline, int *good, int *bad)
{
	*good = 0;
	*bad = trace_read(t) ? 1000 : 0;
	for (unsigned int i = 0; i < t->count; i++) {
		const struct trace_event *e = &t->events[i];

		if (strcmp(e->name, event) || e->context != (uint32_t)context)
			continue;
		if (strcmp(e->driver, driver) || strcmp(e->timeline, timeline))
			(*bad)++;
		else
			(*good)++;
	}
}

/* That many with these names, soon, and none with others. */
static int shows(struct trace *t, const char *event, uint64_t context, const char *driver,
		 const char *timeline, int count)
{
	int good, bad;

	for (int i = 0; i < WAIT_MSEC / 10; i++) {
		traced(t, event, context, driver, timeline, &good, &bad);
		if (bad || good >= count)
			break;
		usleep(10000);
	}
	return !bad && good == count;
}

#define SHOWS(event, driver, timeline, count) \
	EXPECT_TRUE(shows(&self->t, "dma_fence_" event, s.context, driver, timeline, count))

/* DMA_BUF_IOCTL_SYNC waits for what is written to a buffer. */
static void *sync_buffer(void *arg)
{
	struct dma_buf_sync s = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };

	return (void *)(long)ioctl(*(int *)arg, DMA_BUF_IOCTL_SYNC, &s);
}

TEST_F(names, life_of_a_fence)
{
	struct vfence_submit s = { .flags = VFENCE_SUBMIT_MANUAL };
	int buf = buffer(), fd;
	pthread_t thread;
	void *ret;

	if (buf == -ENOENT)
		SKIP(return, "there is no /dev/udmabuf");
	ASSERT_EQ(0, call(self->dev, SETUP(.kind = VFENCE_KIND_ORDERED, .name = NAME)));
	fd = submit_job(self->dev, &s);
	ASSERT_LE(0, fd);
	SHOWS("init", "vfence", NAME, 1);

	ASSERT_EQ(0, attach(self->dev, buf, fd, VFENCE_USAGE_WRITE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, sync_buffer, &buf));
	SHOWS("wait_start", "vfence", NAME, 1);
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(NULL, ret);
	SHOWS("signaled", "vfence", NAME, 1);

	/* Nobody knows its names any more. */
	SHOWS("wait_end", DETACHED, "signaled-timeline", 1);
	close(buf);
	close(fd);
	SHOWS("destroy", DETACHED, "signaled-timeline", 1);

	/* Whoever makes a fence emits it; and it has no operation to have it signal. */
	SHOWS("emit", "vfence", NAME, 0);
	SHOWS("enable_signal", "vfence", NAME, 0);
}

TEST_HARNESS_MAIN
