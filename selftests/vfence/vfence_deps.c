// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs that wait for other fences before they run.
 */
#include "vfence_test.h"

/* Two timelines: what is waited for is on `first`. */
FIXTURE(deps) {
	int first;
	int dev;
};

FIXTURE_SETUP(deps)
{
	self->first = timeline();
	if (self->first < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	self->dev = timeline();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(deps)
{
	close(self->first);
	close(self->dev);
}

/* The job that waits for these, and fails as they do if `flags` say so. */
static int after(int dev, const int *fds, uint32_t count, uint32_t flags, int error)
{
	return submit(dev, .in_fences = count ? (uintptr_t)fds : 0, .in_count = count,
		      .flags = flags, .error = error);
}

static int failing(int dev, int error)
{
	return submit(dev, .flags = VFENCE_SUBMIT_MANUAL, .error = error);
}

TEST_F(deps, one)
{
	int in = manual(self->first), fd = after(self->dev, &in, 1, 0, 0);

	ASSERT_LE(0, fd);
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, complete(self->first, 1));
	ASSERT_TRUE(signals(fd));
	EXPECT_EQ(1, status(fd));
	EXPECT_LE(timestamp(in), timestamp(fd));
}

TEST_F(deps, delay_counts_from_there)
{
	int in = manual(self->first);
	int fd = submit(self->dev, .in_fences = (uintptr_t)&in, .in_count = 1,
			.delay_ns = 100 * MSEC);

	ASSERT_LE(0, fd);
	usleep(150 * 1000);
	ASSERT_EQ(0, complete(self->first, 1));
	ASSERT_TRUE(signals(fd));
	EXPECT_LE(timestamp(in) + 100 * MSEC, timestamp(fd));
}

TEST_F(deps, none_and_those_that_have_signalled)
{
	int in[2] = { timed(self->first, 0), submit(self->first, .error = -EIO) };
	int fd[3];

	ASSERT_EQ(0, complete(self->first, 2));
	fd[0] = after(self->dev, NULL, 0, 0, 0);
	fd[1] = after(self->dev, in, 2, 0, 0);
	fd[2] = after(self->dev, in, 2, VFENCE_SUBMIT_IN_ERROR, 0);
	ASSERT_TRUE(signals(fd[2]));
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(1, status(fd[1]));
	EXPECT_EQ(-EIO, status(fd[2]));
}

TEST_F(deps, as_many_as_there_may_be)
{
	int in[VFENCE_MAX_FDS], fd, i;

	ASSERT_EQ(0, setup(self->first, VFENCE_KIND_UNORDERED));
	for (i = 0; i < VFENCE_MAX_FDS; i++)
		in[i] = manual(self->first);
	fd = after(self->dev, in, VFENCE_MAX_FDS, 0, 0);
	ASSERT_LE(0, fd);
	/* From both ends, so that the last is in the middle. */
	for (i = 0; i < VFENCE_MAX_FDS; i++) {
		EXPECT_FALSE(is_signaled(fd));
		ASSERT_EQ(0, complete_one(self->first,
					  i % 2 ? VFENCE_MAX_FDS - i / 2 : i / 2 + 1));
	}
	EXPECT_TRUE(signals(fd));
}

TEST_F(deps, the_same_one_many_times)
{
	int in[VFENCE_MAX_FDS], fd;

	in[0] = manual(self->first);
	for (int i = 1; i < VFENCE_MAX_FDS; i++)
		in[i] = in[0];
	fd = after(self->dev, in, VFENCE_MAX_FDS, 0, 0);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, complete(self->first, 1));
	EXPECT_TRUE(signals(fd));
}

TEST_F(deps, containers)
{
	int in[3], fd, parts[4];

	ASSERT_EQ(0, setup(self->first, VFENCE_KIND_UNORDERED));
	for (int i = 0; i < 4; i++)
		parts[i] = manual(self->first);
	in[0] = combine(self->dev, VFENCE_COMBINE_ARRAY, parts, 2);
	in[1] = chain(self->dev, 1, -1, parts[2]);
	in[2] = merge(parts[0], parts[3]);
	fd = after(self->dev, in, 3, 0, 0);
	ASSERT_LE(0, fd);
	for (int i = 4; i >= 1; i--) {
		EXPECT_TRUE(stays_pending(fd));
		ASSERT_EQ(0, complete_one(self->first, i));
	}
	EXPECT_TRUE(signals(fd));
}

TEST_F(deps, descriptors_may_be_closed)
{
	int in = manual(self->first), fd = after(self->dev, &in, 1, 0, 0);

	close(in);
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, complete(self->first, 1));
	EXPECT_TRUE(signals(fd));
}

TEST_F(deps, of_the_same_timeline)
{
	int in = manual(self->dev), fd = after(self->dev, &in, 1, 0, 0);

	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(signals(fd));
}

TEST_F(deps, of_points)
{
	int in = point(self->first, 5), fd = after(self->dev, &in, 1, 0, 0);

	ASSERT_EQ(0, call(self->first, INC(4)));
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, call(self->first, INC(1)));
	EXPECT_TRUE(signals(fd));
}

/* One timeline waits for the other, which waits for it. */
TEST_F(deps, to_and_fro)
{
	int fd[20] = { manual(self->first) };

	for (int i = 1; i < 20; i++) {
		fd[i] = after(i % 2 ? self->dev : self->first, &fd[i - 1], 1, 0, 0);
		ASSERT_LE(0, fd[i]);
	}
	EXPECT_TRUE(stays_pending(fd[1]));
	ASSERT_EQ(0, complete(self->first, 1));
	ASSERT_TRUE(signals(fd[19]));
	for (int i = 1; i < 20; i++)
		EXPECT_LE(timestamp(fd[i - 1]), timestamp(fd[i]));
}

/* A job that is held up by those before it has run all the same. */
TEST_F(deps, a_job_that_waits_holds_up_those_behind)
{
	int in = manual(self->first), fd[2];

	fd[0] = after(self->dev, &in, 1, 0, 0);
	fd[1] = submit(self->dev, .error = -EIO);
	EXPECT_TRUE(stays_pending(fd[1]));
	ASSERT_EQ(0, complete(self->first, 1));
	ASSERT_TRUE(signals(fd[1]));
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(-EIO, status(fd[1]));
}

TEST_F(deps, errors)
{
	int in[3] = { manual(self->first), failing(self->first, -EIO),
		      failing(self->first, -ENODEV) };
	int back[2] = { in[2], in[1] }, fd[7];
	const uint32_t take = VFENCE_SUBMIT_IN_ERROR;

	/* Not unless it is asked for. */
	fd[0] = after(self->dev, in, 3, 0, 0);
	fd[1] = after(self->dev, in, 3, 0, -EPIPE);
	/* Of the first that has one, in the array and not in time. */
	fd[2] = after(self->dev, in, 3, take, 0);
	fd[3] = after(self->dev, back, 2, take, 0);
	/* It has precedence over the job's own. */
	fd[4] = after(self->dev, in, 3, take, -EPIPE);
	fd[5] = after(self->dev, in, 1, take, -EPIPE);
	fd[6] = after(self->dev, in, 1, take, 0);
	EXPECT_LE(0, fd[6]);
	ASSERT_EQ(0, complete(self->first, 3));
	ASSERT_TRUE(signals(fd[6]));
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(-EPIPE, status(fd[1]));
	EXPECT_EQ(-EIO, status(fd[2]));
	EXPECT_EQ(-ENODEV, status(fd[3]));
	EXPECT_EQ(-EIO, status(fd[4]));
	EXPECT_EQ(-EPIPE, status(fd[5]));
	EXPECT_EQ(1, status(fd[6]));
}

TEST_F(deps, error_of_a_container)
{
	int parts[2] = { manual(self->first), failing(self->dev, -EIO) }, other = timeline();
	int in = merge(parts[0], parts[1]);
	int fd = after(other, &in, 1, VFENCE_SUBMIT_IN_ERROR, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, complete(self->first, 1));
	ASSERT_TRUE(signals(fd));
	EXPECT_EQ(-EIO, status(fd));
}

TEST_F(deps, error_in_a_chain)
{
	int bad = failing(self->first, -EIO), in = chain(self->first, 1, -1, bad), fd;

	fd = after(self->dev, &in, 1, VFENCE_SUBMIT_IN_ERROR, -EPIPE);
	ASSERT_EQ(0, complete(self->first, 1));
	ASSERT_TRUE(signals(fd));
	/* Which has none. */
	EXPECT_EQ(-EPIPE, status(fd));
}

TEST_F(deps, timeline_that_is_closed)
{
	int in = manual(self->first);
	int fd = after(self->dev, &in, 1, VFENCE_SUBMIT_IN_ERROR, 0);

	ASSERT_EQ(0, close(self->first));
	self->first = -1;
	ASSERT_TRUE(signals(fd));
	EXPECT_EQ(-ENOENT, status(fd));
}

/* What waits goes first. */
TEST_F(deps, waiting_timeline_that_is_closed)
{
	int in = manual(self->first), fd = after(self->dev, &in, 1, 0, 0);

	ASSERT_EQ(0, close(self->dev));
	self->dev = -1;
	EXPECT_TRUE(is_signaled(fd));
	EXPECT_EQ(-ENOENT, status(fd));
	ASSERT_EQ(0, complete(self->first, 1));
	EXPECT_EQ(1, status(in));
}

/* By hand, whatever it waits for. */
TEST_F(deps, job_that_is_completed_by_hand)
{
	int in[2] = { failing(self->first, -EIO), failing(self->first, -ENODEV) }, fd[2];

	fd[0] = after(self->dev, in, 2, VFENCE_SUBMIT_IN_ERROR, 0);
	fd[1] = after(self->dev, in, 2, VFENCE_SUBMIT_IN_ERROR, -EPIPE);
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(0, status(fd[1]));
	ASSERT_EQ(0, complete(self->first, 2));
	ASSERT_TRUE(signals(fd[1]));
	EXPECT_EQ(-EIO, status(fd[1]));
	EXPECT_EQ(1, status(fd[0]));
}

/* A manual job stays pending when what it waits for has signalled. */
TEST_F(deps, manual_job)
{
	int in = manual(self->first), fd;

	fd = submit(self->dev, .in_fences = (uintptr_t)&in, .in_count = 1,
		    .flags = VFENCE_SUBMIT_MANUAL | VFENCE_SUBMIT_IN_ERROR);
	ASSERT_EQ(0, complete(self->first, 1));
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(1, status(fd));
}

TEST_HARNESS_MAIN
