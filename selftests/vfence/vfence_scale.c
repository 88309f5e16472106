// SPDX-License-Identifier: GPL-2.0
/*
 * Many jobs: all of them are taken, and complete, and the kernel does not complain of
 * a stack or a CPU that is busy for too long.
 *
 * The figures tell whether what one costs depends on how many there are. They are
 * printed, not judged: a busy host has them differ by more.
 */
#include "vfence_test.h"

/* A bound on a hang, and no measure: with KASAN, on a busy host, one of them takes long. */
#define LONG 3000

/* Load vfence with max_fences and bound_ms to suit. */
#ifndef JOBS
#define JOBS 100000
#endif
#define CHAINED 10000
#define TIMELINES 8
#define WAITERS 20000
#define POINTS (40 * 256)
#define LINKS 40000
/* Of the first and of the last. */
#define SAMPLE (JOBS / 20)

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

/*
 * Submits jobs of which nobody keeps the fence; that of the last one is returned.
 * Says how long the first and the last of them took.
 */
static int many(int dev, unsigned int flags, uint64_t delay_ns, uint64_t *first, uint64_t *last)
{
	uint64_t begin = now_ns();
	int fd = -1;

	*first = 0;
	for (int i = 0; i < JOBS; i++) {
		if (i == SAMPLE)
			*first = now_ns() - begin;
		if (i == JOBS - SAMPLE)
			begin = now_ns();
		if (fd >= 0)
			close(fd);
		fd = submit(dev, .flags = flags, .delay_ns = delay_ns);
		if (fd < 0)
			return fd;
	}
	*last = now_ns() - begin;
	return fd;
}

static uint64_t timed_complete(int dev, uint64_t seqno)
{
	uint64_t begin = now_ns();

	return complete(dev, seqno) ? UINT64_MAX : now_ns() - begin;
}

TEST_F_TIMEOUT(scale, hundred_thousand_jobs_by_hand, LONG)
{
	uint64_t first, last, between;
	int fd;

	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	fd = many(self->dev, VFENCE_SUBMIT_MANUAL, 0, &first, &last);
	ASSERT_LE(0, fd);
	report("submit by hand, the first", SAMPLE, first);
	report("submit by hand, the last", SAMPLE, last);
	EXPECT_EQ(JOBS, query(self->dev).pending);

	first = timed_complete(self->dev, SAMPLE);
	ASSERT_NE(UINT64_MAX, first);
	EXPECT_EQ(JOBS - SAMPLE, query(self->dev).pending);
	between = timed_complete(self->dev, JOBS - SAMPLE);
	ASSERT_NE(UINT64_MAX, between);
	last = timed_complete(self->dev, JOBS);
	ASSERT_NE(UINT64_MAX, last);
	report("signal, the first", SAMPLE, first);
	report("signal, then", JOBS - 2 * SAMPLE, between);
	report("signal, the last", SAMPLE, last);
	EXPECT_TRUE(is_signaled(fd));
	EXPECT_EQ(1, status(fd));
	EXPECT_EQ(0, query(self->dev).pending);
}

/*
 * They run side by side; the first one, which is completed last, holds them up. Says what is
 * wrong, if anything.
 */
static const char *run_many(int dev, uint64_t delay_ns)
{
	uint64_t begin, first, last;
	int fd;

	if (manual(dev) < 0)
		return "the first job is refused";
	fd = many(dev, 0, delay_ns, &first, &last);
	if (fd < 0)
		return "a job is refused";
	report("submit what runs, the first", SAMPLE, first);
	report("submit what runs, the last", SAMPLE, last);
	if (is_signaled(fd))
		return "the last job has not waited for the first";

	begin = now_ns();
	if (complete(dev, 1) || !signaled_within(fd, 10 * WAIT_MSEC))
		return "the last job has not signalled";
	report("done, and signalled at last", JOBS, now_ns() - begin);
	if (query(dev).pending)
		return "a job is still pending";
	return status(fd) == 1 ? "" : "the last job has failed";
}

TEST_F_TIMEOUT(scale, hundred_thousand_jobs_that_run, LONG)
{
	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	EXPECT_STREQ("", run_many(self->dev, 1 * MSEC));
}

TEST_F_TIMEOUT(scale, hundred_thousand_jobs_of_no_delay, LONG)
{
	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	EXPECT_STREQ("", run_many(self->dev, 0));
}

/* The close returns before all is done, and whoever waits for the last one is told. */
TEST_F_TIMEOUT(scale, close_with_hundred_thousand_pending, LONG)
{
	uint64_t begin, first, last;
	int fd;

	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	fd = many(self->dev, VFENCE_SUBMIT_MANUAL, 0, &first, &last);
	ASSERT_LE(0, fd);
	begin = now_ns();
	close(self->dev);
	self->dev = -1;
	report("close", JOBS, now_ns() - begin);
	EXPECT_TRUE(signaled_within(fd, 10 * WAIT_MSEC));
	report("close, and all are completed", JOBS, now_ns() - begin);
	EXPECT_EQ(-ENOENT, status(fd));
}

/* Each has a context of its own. */
TEST_F_TIMEOUT(scale, close_with_all_contexts_pending, LONG)
{
	struct vfence_info limits = {};
	uint64_t begin;
	int fd = -1, count;

	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &limits));
	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	/* The timeline counts, too. */
	count = limits.max_contexts - 1;
	for (int i = 0; i < count; i++) {
		if (fd >= 0)
			close(fd);
		fd = manual(self->dev);
		ASSERT_LE(0, fd);
	}
	begin = now_ns();
	close(self->dev);
	report("close, unordered", count, now_ns() - begin);
	EXPECT_TRUE(signaled_within(fd, 10 * WAIT_MSEC));
	report("close, unordered, and all are completed", count, now_ns() - begin);
	EXPECT_EQ(-ENOENT, status(fd));
	/* The contexts are free for others soon. */
	self->dev = timeline();
	for (int i = 0; i < WAIT_MSEC && setup(self->dev, VFENCE_KIND_ORDERED); i++)
		usleep(1000);
	EXPECT_EQ(VFENCE_KIND_ORDERED, query(self->dev).kind);
}

/* Each job waits for the one before it, on the next of the timelines. */
TEST_F_TIMEOUT(scale, chain_of_ten_thousand_jobs, LONG)
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

/*
 * Links that are appended to one chain. What has signalled leaves it, so it can go on for ever.
 */
TEST_F_TIMEOUT(scale, links_of_one_chain, LONG)
{
	uint64_t begin = now_ns();
	int tail = -1;

	for (int i = 1; i <= LINKS; i++) {
		struct vfence_submit s = {
			.flags = VFENCE_SUBMIT_MANUAL, .out = VFENCE_OUT_CHAIN, .point = i,
			.chain_fd = tail,
		};

		ASSERT_EQ(0, ioctl(self->dev, VFENCE_IOC_SUBMIT, &s));
		if (tail >= 0)
			close(tail);
		tail = s.fd;
		if (i == SAMPLE)
			report("append a link, the first", SAMPLE, now_ns() - begin);
		if (i == LINKS - SAMPLE)
			begin = now_ns();
		if (i % 256 == 0)
			ASSERT_EQ(0, complete(self->dev, i));
	}
	report("append a link, the last", SAMPLE, now_ns() - begin);
	ASSERT_EQ(0, complete(self->dev, LINKS));
	EXPECT_TRUE(signals(tail));
	close(tail);
}

/* They are not started in one go. */
TEST_F_TIMEOUT(scale, jobs_that_wait_for_the_same_fence, LONG)
{
	uint64_t begin = now_ns();
	int gate, dev, fd = -1;

	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	dev = timeline();
	ASSERT_LE(0, dev);
	gate = manual(self->dev);
	for (int i = 0; i < WAITERS; i++) {
		struct vfence_submit s = {
			.in_fences = (uintptr_t)&gate, .in_count = 1,
		};

		ASSERT_EQ(0, ioctl(dev, VFENCE_IOC_SUBMIT, &s));
		if (i)
			close(fd);
		fd = s.fd;
	}
	report("submit what waits", WAITERS, now_ns() - begin);
	EXPECT_EQ(WAITERS, query(dev).pending);
	begin = now_ns();
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signaled_within(fd, 10 * WAIT_MSEC));
	report("run what waited", WAITERS, now_ns() - begin);
	EXPECT_EQ(1, status(fd));
	EXPECT_EQ(0, query(dev).pending);
	close(dev);
}

/*
 * Points that are made from the last to the first, held by arrays of 256; each is looked
 * for from the end.
 */
TEST_F_TIMEOUT(scale, points_downwards, LONG)
{
	int array[POINTS / 256], fd[256];
	uint64_t begin = now_ns();

	if (bound_ns(self->dev) < 120000 * MSEC)
		SKIP(return, "bound_ms is below 120000");
	for (int i = 0; i < POINTS; i++) {
		fd[i % 256] = point(self->dev, POINTS - i);
		ASSERT_LE(0, fd[i % 256]);
		if (i % 256 < 255)
			continue;
		array[i / 256] = combine(self->dev, VFENCE_COMBINE_ARRAY, fd, 256);
		ASSERT_LE(0, array[i / 256]);
		for (int j = 0; j < 256; j++)
			close(fd[j]);
	}
	report("points downwards", POINTS, now_ns() - begin);
	EXPECT_EQ(POINTS, query(self->dev).pending);
	begin = now_ns();
	ASSERT_EQ(0, ioctl(self->dev, VFENCE_IOC_SW_SYNC_INC, &(uint32_t){ POINTS }));
	report("increment past them", POINTS, now_ns() - begin);
	EXPECT_EQ(0, query(self->dev).pending);
	for (int i = 0; i < POINTS / 256; i++)
		EXPECT_TRUE(signals(array[i]));
}

/* As many contexts as there may be, merged into one file: the kernel can describe it. */
TEST_F_TIMEOUT(scale, merge_of_all_contexts, LONG)
{
	int all = -1, count = 0, few[16], fd[256];
	struct sync_fence_info *fences;
	struct vfence_info limits = {};
	struct sync_file_info info;

	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &limits));
	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	/* The timeline counts, too. */
	while (count + 4096U < limits.max_contexts) {
		for (int i = 0; i < 16; i++) {
			for (int j = 0; j < 256; j++) {
				fd[j] = manual(self->dev);
				ASSERT_LE(0, fd[j]);
			}
			few[i] = combine(self->dev, VFENCE_COMBINE_ARRAY, fd, 256);
			ASSERT_LE(0, few[i]);
			for (int j = 0; j < 256; j++)
				close(fd[j]);
		}
		fd[0] = combine(self->dev, VFENCE_COMBINE_ARRAY, few, 16);
		for (int i = 0; i < 16; i++)
			close(few[i]);
		fd[1] = all;
		all = count ? merge(all, fd[0]) : dup(fd[0]);
		ASSERT_LE(0, all);
		close(fd[0]);
		if (fd[1] >= 0)
			close(fd[1]);
		count += 4096;
	}
	ASSERT_LT(40000, count);
	fences = calloc(count, sizeof(*fences));
	ASSERT_NE(NULL, fences);
	EXPECT_EQ(count, fences_in(all));
	EXPECT_EQ(count, describe(all, &info, fences, count));
	for (int i = 0; i < count; i++)
		EXPECT_EQ(0, fences[i].status);
	/* Nor does it make more than the device. */
	EXPECT_EQ(-E2BIG, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN, .chain_fd = all)));
	free(fences);
	close(all);
}

TEST_HARNESS_MAIN
