// SPDX-License-Identifier: GPL-2.0
/*
 * When jobs complete, in which order, and with what.
 */
#include "vfence_test.h"

TIMELINE_FIXTURE(jobs)

TEST_F(jobs, sequence_numbers_count_from_one)
{
	struct vfence_submit s = {};

	for (uint64_t i = 1; i <= 5; i++) {
		ASSERT_LE(0, submit_job(self->dev, &s));
		EXPECT_EQ(i, s.seqno);
	}
}

TEST_F(jobs, timelines_are_independent)
{
	struct vfence_submit s = {};
	int other = timeline(), a, b;

	ASSERT_LE(0, other);
	a = manual(self->dev);
	ASSERT_LE(0, a);
	b = submit_job(other, &s);
	ASSERT_LE(0, b);
	EXPECT_EQ(1, s.seqno);
	EXPECT_TRUE(signals(b));
	EXPECT_FALSE(is_signaled(a));
}

TEST_F(jobs, timed_job_takes_its_time)
{
	uint64_t begin = now_ns();
	int fd = timed(self->dev, 200 * MSEC);

	ASSERT_LE(0, fd);
	ASSERT_TRUE(signals(fd));
	/* Not before; how long after is the machine's business. */
	EXPECT_LE(begin + 200 * MSEC, timestamp(fd));
	EXPECT_GE(now_ns(), timestamp(fd));
	EXPECT_EQ(1, status(fd));
}

TEST_F(jobs, job_reports_its_error)
{
	int bad = submit(self->dev, .delay_ns = 1 * MSEC, .error = -EIO);
	int good = timed(self->dev, 1 * MSEC);

	ASSERT_LE(0, bad);
	ASSERT_LE(0, good);
	ASSERT_TRUE(signals(good));
	EXPECT_EQ(-EIO, status(bad));
	EXPECT_EQ(1, status(good));
}

/* Jobs run side by side; fences signal in order. */
TEST_F(jobs, shorter_job_waits_for_those_before_it)
{
	uint64_t begin = now_ns();
	int slow = timed(self->dev, 400 * MSEC);
	int quick = timed(self->dev, 1 * MSEC);

	ASSERT_LE(0, slow);
	ASSERT_LE(0, quick);
	ASSERT_TRUE(signals(quick));
	EXPECT_TRUE(is_signaled(slow));
	EXPECT_LE(begin + 400 * MSEC, timestamp(slow));
	EXPECT_LE(timestamp(slow), timestamp(quick));
}

TEST_F(jobs, error_also_waits_for_those_before_it)
{
	int held = manual(self->dev);
	int bad = submit(self->dev, .error = -EIO);

	ASSERT_LE(0, held);
	ASSERT_LE(0, bad);
	EXPECT_TRUE(stays_pending(bad));
	EXPECT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signals(bad));
	EXPECT_EQ(1, status(held));
	EXPECT_EQ(-EIO, status(bad));
}

TEST_F(jobs, close_completes_what_is_pending)
{
	int other = timeline(), fd[3];

	ASSERT_LE(0, other);
	fd[0] = timed(other, 0);
	ASSERT_LE(0, fd[0]);
	ASSERT_TRUE(signals(fd[0]));
	fd[1] = manual(other);
	fd[2] = timed(other, LONGEST);
	ASSERT_LE(0, fd[1]);
	ASSERT_LE(0, fd[2]);
	EXPECT_FALSE(is_signaled(fd[1]));
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(-ENOENT, status(fd[1]));
	EXPECT_EQ(-ENOENT, status(fd[2]));
}

/* A job whose fence nobody has any more does not hold up the others. */
TEST_F(jobs, fence_closed_while_pending)
{
	int fd, last;

	fd = timed(self->dev, 50 * MSEC);
	ASSERT_LE(0, fd);
	close(fd);
	fd = manual(self->dev);
	ASSERT_LE(0, fd);
	close(fd);
	last = timed(self->dev, 0);
	ASSERT_LE(0, last);
	EXPECT_FALSE(is_signaled(last));
	ASSERT_EQ(0, complete(self->dev, 2));
	EXPECT_TRUE(signals(last));
}

/* What comes out of a chain or an array goes as well. */
TEST_F(jobs, close_completes_what_waits_for_others)
{
	int other = timeline(), in = manual(self->dev), fd[3];

	fd[0] = submit(other, .in_fences = (uintptr_t)&in, .in_count = 1);
	fd[1] = submit(other, .out = VFENCE_OUT_CHAIN, .chain_fd = -1, .point = 1);
	fd[2] = submit(other, .out = VFENCE_OUT_ARRAY, .out_fences = (uintptr_t)fd,
		       .out_count = 1);
	ASSERT_LE(0, fd[2]);
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(-ENOENT, status(fd[0]));
	EXPECT_TRUE(signals(fd[1]));
	EXPECT_TRUE(signals(fd[2]));
	EXPECT_EQ(-ENOENT, status(fd[2]));
	EXPECT_EQ(0, status(in));
}

TEST_HARNESS_MAIN
