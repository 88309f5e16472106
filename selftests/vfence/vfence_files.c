// SPDX-License-Identifier: GPL-2.0
/*
 * The sync_files that vfence gives out, as any user of sync_file sees them.
 */
#include "vfence_test.h"

TIMELINE_FIXTURE(files)

TEST_F(files, names_and_status)
{
	struct sync_file_info info;
	struct sync_fence_info f;
	int fd = manual(self->dev);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, describe(fd, &info, &f, 1));
	EXPECT_EQ(0, info.status);
	EXPECT_EQ(0, f.status);
	EXPECT_STREQ("vfence", f.driver_name);
	EXPECT_NE('\0', f.obj_name[0]);
	EXPECT_NE('\0', info.name[0]);
}

/* What a signalled fence is called is the core's business, not the driver's. */
TEST_F(files, names_after_the_signal)
{
	struct sync_file_info info;
	struct sync_fence_info f;
	int fd = timed(self->dev, 0);

	ASSERT_LE(0, fd);
	ASSERT_TRUE(signals(fd));
	ASSERT_EQ(1, describe(fd, &info, &f, 1));
	EXPECT_EQ(1, f.status);
	EXPECT_NE(0, f.timestamp_ns);
	EXPECT_STREQ(DETACHED, f.driver_name);
	EXPECT_STREQ("signaled-timeline", f.obj_name);
}

TEST_F(files, descriptor_is_close_on_exec)
{
	int fd = timed(self->dev, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
}

TEST_F(files, outlives_the_timeline)
{
	int other = timeline(), done, copy;

	ASSERT_LE(0, other);
	done = timed(other, 0);
	ASSERT_LE(0, done);
	ASSERT_TRUE(signals(done));
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(1, status(done));
	copy = dup(done);
	ASSERT_LE(0, copy);
	close(done);
	EXPECT_TRUE(is_signaled(copy));
}

TEST_F(files, merge_of_one_timeline_keeps_the_later)
{
	struct sync_file_info info;
	struct sync_fence_info f[2];
	int a = manual(self->dev);
	int b = manual(self->dev);
	int m = merge(a, b);

	ASSERT_LE(0, m);
	ASSERT_EQ(1, describe(m, &info, f, 2));
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signals(a));
	EXPECT_TRUE(stays_pending(m));
	ASSERT_EQ(0, complete(self->dev, 2));
	EXPECT_TRUE(signals(m));
}

TEST_F(files, merge_of_two_timelines_waits_for_both)
{
	struct sync_file_info info;
	struct sync_fence_info f[2];
	int other = timeline(), a, b, m;

	ASSERT_LE(0, other);
	a = manual(self->dev);
	b = manual(other);
	m = merge(a, b);
	ASSERT_LE(0, m);
	EXPECT_EQ(2, describe(m, &info, f, 2));
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signals(a));
	EXPECT_TRUE(stays_pending(m));
	ASSERT_EQ(0, complete(other, 1));
	EXPECT_TRUE(signals(m));
	EXPECT_EQ(1, status(m));
}

TEST_F(files, merge_reports_the_error_of_a_part)
{
	int other = timeline(), a, b, m;

	ASSERT_LE(0, other);
	/* Holds up the one that fails, as a merge leaves out what has signalled. */
	ASSERT_LE(0, manual(self->dev));
	a = submit(self->dev, .error = -EIO);
	b = manual(other);
	m = merge(a, b);
	ASSERT_LE(0, m);
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_EQ(0, complete(other, 1));
	ASSERT_TRUE(signals(m));
	EXPECT_EQ(-EIO, status(m));
}

TEST_F(files, merge_outlives_its_parts)
{
	int other = timeline(), a, b, m;

	ASSERT_LE(0, other);
	a = manual(self->dev);
	b = manual(other);
	m = merge(a, b);
	ASSERT_LE(0, m);
	close(a);
	close(b);
	ASSERT_EQ(0, close(other));
	EXPECT_TRUE(stays_pending(m));
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signals(m));
	EXPECT_EQ(-ENOENT, status(m));
}

TEST_HARNESS_MAIN
