// SPDX-License-Identifier: GPL-2.0
/*
 * Many jobs: what one costs does not depend on how many there are.
 *
 * The figures are printed and not judged, but that the second half of the jobs
 * takes no more than a few times as long as the first.
 */
#include "vfence_test.h"

/* Load vfence with max_fences, max_fences_device and bound_ms to suit. */
#define JOBS 100000
#define CHAINED 10000
#define TIMELINES 8
/* Noise of an emulated guest, not growth, which would be far above. */
#define MOST 5

static uint64_t bound_ns(int dev)
{
	struct vfence_info info = {};

	return ioctl(dev, VFENCE_IOC_INFO, &info) ? 0 : info.bound_ns;
}

static void report(const char *what, unsigned int count, uint64_t ns)
{
	printf("# %s: %u in %llu ms, %llu ns each\n", what, count,
	       (unsigned long long)(ns / MSEC), (unsigned long long)(ns / count));
}

TIMELINE_FIXTURE(scale)

/* Submits jobs of which nobody keeps the fence; the last one is returned. */
static int many(int dev, unsigned int flags, uint64_t delay_ns, uint64_t *first_half)
{
	uint64_t begin = now_ns();
	int fd = -1;

	for (int i = 0; i < JOBS; i++) {
		if (fd >= 0)
			close(fd);
		fd = submit(dev, .flags = flags, .delay_ns = delay_ns);
		if (fd < 0)
			return fd;
		if (i == JOBS / 2 - 1)
			*first_half = now_ns() - begin;
	}
	return fd;
}

TEST_F_TIMEOUT(scale, hundred_thousand_jobs_by_hand, 600)
{
	uint64_t begin = now_ns(), half = 0, whole;
	int last;

	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	last = many(self->dev, VFENCE_SUBMIT_MANUAL, 0, &half);
	ASSERT_LE(0, last);
	whole = now_ns() - begin;
	report("submit by hand, first half", JOBS / 2, half);
	report("submit by hand, second half", JOBS / 2, whole - half);
	EXPECT_GT(MOST * half, whole - half);
	EXPECT_EQ(JOBS, query(self->dev).pending);

	begin = now_ns();
	ASSERT_EQ(0, complete(self->dev, JOBS / 2));
	half = now_ns() - begin;
	EXPECT_EQ(JOBS / 2, query(self->dev).pending);
	begin = now_ns();
	ASSERT_EQ(0, complete(self->dev, JOBS));
	whole = now_ns() - begin;
	report("signal, first half", JOBS / 2, half);
	report("signal, second half", JOBS / 2, whole);
	EXPECT_GT(MOST * half, whole);
	EXPECT_TRUE(is_signaled(last));
	EXPECT_EQ(1, status(last));
	EXPECT_EQ(0, query(self->dev).pending);
}

/* They run side by side; the first one, which is completed last, holds them up. */
TEST_F_TIMEOUT(scale, hundred_thousand_jobs_that_run, 600)
{
	uint64_t begin, half = 0;
	int held, last;

	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	held = manual(self->dev);
	ASSERT_LE(0, held);
	begin = now_ns();
	last = many(self->dev, 0, 1 * MSEC, &half);
	ASSERT_LE(0, last);
	report("submit with a delay", JOBS, now_ns() - begin);
	EXPECT_FALSE(is_signaled(last));

	begin = now_ns();
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signaled_within(last, 10 * WAIT_MSEC));
	report("done, and signalled at last", JOBS, now_ns() - begin);
	EXPECT_EQ(0, query(self->dev).pending);
	EXPECT_EQ(1, status(last));
}

TEST_F_TIMEOUT(scale, close_with_hundred_thousand_pending, 600)
{
	uint64_t begin, half = 0;
	int last;

	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	last = many(self->dev, VFENCE_SUBMIT_MANUAL, 0, &half);
	ASSERT_LE(0, last);
	begin = now_ns();
	close(self->dev);
	self->dev = -1;
	report("close", JOBS, now_ns() - begin);
	EXPECT_TRUE(is_signaled(last));
	EXPECT_EQ(-ENOENT, status(last));
}

/* Each job waits for the one before it, on the next of the timelines. */
TEST_F_TIMEOUT(scale, chain_of_ten_thousand_jobs, 600)
{
	int dev[TIMELINES], fd = -1, first;
	uint64_t begin = now_ns();

	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	for (int i = 0; i < TIMELINES; i++) {
		dev[i] = timeline();
		ASSERT_LE(0, dev[i]);
	}
	first = manual(self->dev);
	ASSERT_LE(0, first);
	for (int i = 0; i < CHAINED; i++) {
		int32_t before = i ? fd : first;
		struct vfence_submit s = {
			.in_fences = (uintptr_t)&before, .in_count = 1,
		};

		ASSERT_EQ(0, ioctl(dev[i % TIMELINES], VFENCE_IOC_SUBMIT, &s));
		if (i)
			close(fd);
		fd = s.fd;
	}
	report("submit a chain", CHAINED, now_ns() - begin);
	EXPECT_FALSE(is_signaled(fd));

	begin = now_ns();
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signaled_within(fd, 10 * WAIT_MSEC));
	report("run a chain", CHAINED, now_ns() - begin);
	EXPECT_EQ(1, status(fd));
	for (int i = 0; i < TIMELINES; i++) {
		EXPECT_EQ(0, query(dev[i]).pending);
		close(dev[i]);
	}
}

TEST_HARNESS_MAIN
