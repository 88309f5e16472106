// SPDX-License-Identifier: GPL-2.0
/*
 * The bound on how long a fence is pending. To be run on a device that is loaded with
 * a short one.
 */
#include "vfence_test.h"

#include <pthread.h>

#define LONGEST_BOUND (3000 * MSEC)

/*
 * Does what must come before the bound. A guest may stand still for longer: then once
 * more, on the same timeline.
 *
 * checkpatch: MACRO_WITH_FLOW_CONTROL: it asserts, as the harness's own macros do
 */
#define IN_TIME(...) do {							\
	uint64_t since;								\
	int round = 0;								\
										\
	do {									\
		ASSERT_GT(20, round++);						\
		since = now_ns();						\
		__VA_ARGS__							\
	} while (now_ns() - since >= self->ns);					\
} while (0)

FIXTURE(bound) {
	int dev;
	uint64_t begin;
	uint64_t ns;
};

FIXTURE_SETUP(bound)
{
	struct vfence_info info = {};

	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &info));
	if (info.bound_ns > LONGEST_BOUND)
		SKIP(return, "the bound is that of a device in use");
	self->ns = info.bound_ns;
	self->begin = now_ns();
}

FIXTURE_TEARDOWN(bound)
{
	close(self->dev);
}

TEST_F(bound, job)
{
	int fd = manual(self->dev), after, ret;

	ASSERT_TRUE(signals(fd));
	EXPECT_EQ(-ETIME, status(fd));
	EXPECT_LE(self->begin + self->ns, timestamp(fd));
	EXPECT_EQ(0, query(self->dev).pending);
	/* The timeline goes on. */
	IN_TIME({
		after = manual(self->dev);
		ret = complete_one(self->dev, query(self->dev).last);
	});
	ASSERT_EQ(0, ret);
	EXPECT_EQ(1, status(after));
}

TEST_F(bound, signal_leaves_them_alone)
{
	int fd[3] = { manual(self->dev), manual(self->dev) }, ret;

	ASSERT_TRUE(signals(fd[1]));
	EXPECT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(0, complete_one(self->dev, 2));
	EXPECT_EQ(0, call(self->dev, SIGNAL(.seqno = 2, .flags = VFENCE_SIGNAL_NOWAIT)));
	EXPECT_EQ(-ETIME, status(fd[0]));
	EXPECT_EQ(-ETIME, status(fd[1]));
	IN_TIME({
		fd[2] = submit(self->dev, .flags = VFENCE_SUBMIT_MANUAL, .error = -EIO);
		ret = complete(self->dev, query(self->dev).last);
	});
	EXPECT_EQ(0, ret);
	EXPECT_EQ(-EIO, status(fd[2]));
	EXPECT_EQ(-ETIME, status(fd[1]));
}

TEST_F(bound, signal_completes_those_behind)
{
	int fd[2], ret;

	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	fd[0] = manual(self->dev);
	ASSERT_TRUE(signals(fd[0]));
	EXPECT_EQ(-ETIME, status(fd[0]));
	IN_TIME({
		fd[1] = manual(self->dev);
		ret = complete(self->dev, query(self->dev).last);
	});
	EXPECT_EQ(0, ret);
	EXPECT_EQ(1, status(fd[1]));
	EXPECT_EQ(-ETIME, status(fd[0]));
	EXPECT_EQ(0, query(self->dev).pending);
}

/* It has been done for long when the one before it comes to the bound. */
TEST_F(bound, what_is_done_keeps_its_result)
{
	uint64_t last;
	int fd[3], ret[2];

	IN_TIME({
		fd[0] = manual(self->dev);
		fd[1] = submit(self->dev, .flags = VFENCE_SUBMIT_MANUAL, .error = -EIO);
		fd[2] = manual(self->dev);
		last = query(self->dev).last;
		ret[0] = complete_one(self->dev, last - 1);
		ret[1] = complete_one(self->dev, last);
	});
	ASSERT_EQ(0, ret[0]);
	ASSERT_EQ(0, ret[1]);
	ASSERT_TRUE(signals(fd[2]));
	EXPECT_EQ(-ETIME, status(fd[0]));
	EXPECT_EQ(-EIO, status(fd[1]));
	EXPECT_EQ(1, status(fd[2]));
	EXPECT_EQ(0, complete(self->dev, last));
}

/* The older of two points may be the later one, and takes the younger along. */
TEST_F(bound, those_before)
{
	int later, before, after;
	uint32_t base = 0;
	uint64_t half;

	IN_TIME({
		base += 10;
		later = point(self->dev, base + 5);
		usleep(self->ns / 2000);
		half = now_ns();
		before = point(self->dev, base + 3);
		after = point(self->dev, base + 7);
	});
	ASSERT_TRUE(signals(later));
	EXPECT_EQ(-ETIME, status(later));
	EXPECT_EQ(-ETIME, status(before));
	EXPECT_LE(timestamp(before), timestamp(later));
	ASSERT_TRUE(signals(after));
	EXPECT_EQ(-ETIME, status(after));
	EXPECT_LE(half + self->ns, timestamp(after));
	ASSERT_EQ(0, call(self->dev, INC(base + 10)));
	EXPECT_EQ(base + 10, query(self->dev).value);
}

static void *come_and_go(void *arg)
{
	int dev = *(int *)arg;
	uint64_t end = now_ns() + 3000 * MSEC;

	while (now_ns() < end)
		close(point(dev, 1));
	return NULL;
}

/* A point that comes while the bound completes many later ones signals once. */
TEST_F(bound, points_that_come_too_late)
{
	int all = 4000, last = -1;
	pthread_t thread;

	/* The first one takes all others along. They stay pending without a descriptor. */
	for (int i = all; i > 1; i--) {
		int fd = point(self->dev, i);

		ASSERT_LE(0, fd);
		if (i == all)
			last = fd;
		else
			close(fd);
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, come_and_go, &self->dev));
	ASSERT_TRUE(signals(last));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	close(last);
	for (int i = 0; i < WAIT_MSEC && query(self->dev).pending; i++)
		usleep(1000);
	EXPECT_EQ(0, query(self->dev).pending);
	EXPECT_EQ(0, counter("pending"));
	ASSERT_EQ(0, call(self->dev, INC(all)));
}

TEST_F(bound, job_that_runs_for_longer)
{
	struct vfence_info info = {};
	int fd[2];

	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &info));
	ASSERT_LT(self->ns, info.max_delay_ns);
	fd[0] = timed(self->dev, info.max_delay_ns);
	fd[1] = timed(self->dev, 0);
	ASSERT_TRUE(signals(fd[1]));
	EXPECT_EQ(-ETIME, status(fd[0]));
	EXPECT_EQ(1, status(fd[1]));
}

TEST_F(bound, job_that_waits)
{
	int other = timeline(), in = point(other, 1), fd[2];

	for (int i = 0; i < 2; i++)
		fd[i] = submit(self->dev, .in_fences = (uintptr_t)&in, .in_count = 1,
			       .flags = VFENCE_SUBMIT_MANUAL);
	ASSERT_TRUE(signals(fd[1]));
	EXPECT_EQ(-ETIME, status(fd[0]));
	EXPECT_EQ(-ETIME, status(fd[1]));
	EXPECT_TRUE(signals(in));
}

TEST_F(bound, timeline_that_hangs)
{
	int fd[2], after, stays, ret;

	fd[0] = manual(self->dev);
	fd[1] = timed(self->dev, 0);
	ASSERT_EQ(0, call(self->dev, HANG()));
	ASSERT_TRUE(signals(fd[1]));
	EXPECT_EQ(-ETIME, status(fd[0]));
	/* It hangs as before. */
	EXPECT_EQ(VFENCE_STATE_HANGING, query(self->dev).state);
	EXPECT_EQ(-EIO, complete(self->dev, 1));
	IN_TIME({
		ASSERT_EQ(0, call(self->dev, HANG()));
		after = timed(self->dev, 0);
		stays = stays_pending(after);
		ret = call(self->dev, RESET(.error = -ECANCELED));
	});
	EXPECT_TRUE(stays);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(-ECANCELED, status(after));
}

TEST_F(bound, unordered_ones_one_by_one)
{
	int fd[3], ret;

	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	fd[0] = manual(self->dev);
	usleep(self->ns / 2000);
	IN_TIME({
		fd[1] = manual(self->dev);
		fd[2] = manual(self->dev);
		ret = complete_one(self->dev, query(self->dev).last - 1);
	});
	ASSERT_EQ(0, ret);
	ASSERT_TRUE(signals(fd[0]));
	ASSERT_TRUE(signals(fd[2]));
	EXPECT_EQ(-ETIME, status(fd[0]));
	EXPECT_EQ(1, status(fd[1]));
	EXPECT_EQ(-ETIME, status(fd[2]));
	EXPECT_LE(self->begin + self->ns + self->ns / 2, timestamp(fd[2]));
	/* The jobs go soon after. */
	for (int i = 0; i < WAIT_MSEC && query(self->dev).pending; i++)
		usleep(1000);
	EXPECT_EQ(0, query(self->dev).pending);
}

TEST_F(bound, descriptors_that_are_closed)
{
	int last;

	for (int i = 0; i < 100; i++)
		close(manual(self->dev));
	last = manual(self->dev);
	ASSERT_TRUE(signals(last));
	EXPECT_EQ(0, query(self->dev).pending);
}

TEST_HARNESS_MAIN
