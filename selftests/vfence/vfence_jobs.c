// SPDX-License-Identifier: GPL-2.0
/*
 * When jobs complete, in which order, and with what.
 */
#include "vfence_test.h"

#include <sys/resource.h>

TIMELINE_FIXTURE(jobs)

TEST_F(jobs, sequence_numbers_count_from_one)
{
	uint64_t seqno;

	for (uint64_t i = 1; i <= 5; i++) {
		ASSERT_LE(0, submit(self->dev, 0, 0, 0, &seqno));
		EXPECT_EQ(i, seqno);
	}
}

TEST_F(jobs, timelines_are_independent)
{
	int other = timeline(), a, b;
	uint64_t seqno;

	ASSERT_LE(0, other);
	a = manual(self->dev, NULL);
	ASSERT_LE(0, a);
	b = submit(other, 0, 0, 0, &seqno);
	ASSERT_LE(0, b);
	EXPECT_EQ(1, seqno);
	EXPECT_TRUE(signaled_within(b, WAIT_MSEC));
	EXPECT_FALSE(is_signaled(a));
}

TEST_F(jobs, timed_job_takes_its_time)
{
	uint64_t begin = now_ns();
	int fd = timed(self->dev, 200 * MSEC);

	ASSERT_LE(0, fd);
	ASSERT_TRUE(signaled_within(fd, WAIT_MSEC));
	/* Not before; how long after is the machine's business. */
	EXPECT_LE(begin + 200 * MSEC, timestamp(fd));
	EXPECT_GE(now_ns(), timestamp(fd));
	EXPECT_EQ(1, status(fd));
}

TEST_F(jobs, job_reports_its_error)
{
	int bad = submit(self->dev, 0, 1 * MSEC, -EIO, NULL);
	int good = timed(self->dev, 1 * MSEC);

	ASSERT_LE(0, bad);
	ASSERT_LE(0, good);
	ASSERT_TRUE(signaled_within(good, WAIT_MSEC));
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
	ASSERT_TRUE(signaled_within(quick, WAIT_MSEC));
	EXPECT_TRUE(is_signaled(slow));
	EXPECT_LE(begin + 400 * MSEC, timestamp(slow));
	EXPECT_LE(timestamp(slow), timestamp(quick));
}

TEST_F(jobs, error_also_waits_for_those_before_it)
{
	uint64_t first;
	int held = manual(self->dev, &first);
	int bad = submit(self->dev, 0, 0, -EIO, NULL);

	ASSERT_LE(0, held);
	ASSERT_LE(0, bad);
	usleep(50 * 1000);
	EXPECT_EQ(0, status(bad));
	EXPECT_EQ(0, complete(self->dev, first));
	ASSERT_TRUE(signaled_within(bad, WAIT_MSEC));
	EXPECT_EQ(1, status(held));
	EXPECT_EQ(-EIO, status(bad));
}

TEST_F(jobs, manual_jobs_complete_up_to_a_number)
{
	uint64_t seqno[4];
	int fd[4];

	for (int i = 0; i < 4; i++) {
		fd[i] = manual(self->dev, &seqno[i]);
		ASSERT_LE(0, fd[i]);
	}
	EXPECT_FALSE(signaled_within(fd[0], 50));
	ASSERT_EQ(0, complete(self->dev, seqno[2]));
	ASSERT_TRUE(signaled_within(fd[2], WAIT_MSEC));
	EXPECT_TRUE(is_signaled(fd[0]));
	EXPECT_TRUE(is_signaled(fd[1]));
	EXPECT_FALSE(is_signaled(fd[3]));
	/* Once more, and backwards: nothing happens. */
	ASSERT_EQ(0, complete(self->dev, seqno[0]));
	EXPECT_FALSE(signaled_within(fd[3], 50));
	ASSERT_EQ(0, complete(self->dev, seqno[3]));
	EXPECT_TRUE(signaled_within(fd[3], WAIT_MSEC));
}

TEST_F(jobs, close_completes_what_is_pending)
{
	int other = timeline(), fd[3];

	ASSERT_LE(0, other);
	fd[0] = timed(other, 0);
	ASSERT_LE(0, fd[0]);
	ASSERT_TRUE(signaled_within(fd[0], WAIT_MSEC));
	fd[1] = manual(other, NULL);
	fd[2] = timed(other, LONG_NSEC);
	ASSERT_LE(0, fd[1]);
	ASSERT_LE(0, fd[2]);
	EXPECT_FALSE(is_signaled(fd[1]));
	ASSERT_EQ(0, close(other));
	ASSERT_TRUE(signaled_within(fd[2], WAIT_MSEC));
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(-ENOENT, status(fd[1]));
	EXPECT_EQ(-ENOENT, status(fd[2]));
}

/* A job whose fence nobody has any more does not hold up the others. */
TEST_F(jobs, fence_closed_while_pending)
{
	uint64_t seqno;
	int fd, last;

	fd = timed(self->dev, 50 * MSEC);
	ASSERT_LE(0, fd);
	close(fd);
	fd = manual(self->dev, &seqno);
	ASSERT_LE(0, fd);
	close(fd);
	last = timed(self->dev, 0);
	ASSERT_LE(0, last);
	EXPECT_FALSE(is_signaled(last));
	ASSERT_EQ(0, complete(self->dev, seqno));
	EXPECT_TRUE(signaled_within(last, WAIT_MSEC));
}

TEST_F(jobs, ten_thousand_pending)
{
	struct rlimit lim = { 16384, 16384 };
	uint64_t seqno = 0;
	int last = -1, first;

	if (setrlimit(RLIMIT_NOFILE, &lim))
		SKIP(return, "not allowed so many descriptors");
	first = manual(self->dev, NULL);
	ASSERT_LE(0, first);
	for (int i = 1; i < 10000; i++) {
		last = manual(self->dev, &seqno);
		ASSERT_LE(0, last);
	}
	EXPECT_EQ(10000, seqno);
	EXPECT_FALSE(is_signaled(first));
	ASSERT_EQ(0, complete(self->dev, seqno));
	ASSERT_TRUE(signaled_within(last, WAIT_MSEC));
	EXPECT_TRUE(is_signaled(first));
	EXPECT_EQ(1, status(last));
}

TEST_HARNESS_MAIN
