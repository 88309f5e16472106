// SPDX-License-Identifier: GPL-2.0
/*
 * Deadlines: set with SYNC_IOC_SET_DEADLINE, asked for in two ways.
 */
#include "vfence_test.h"

TIMELINE_FIXTURE(deadline)

/* By context and number; -errno if it fails. */
static int64_t of(int dev, uint64_t context, uint64_t seqno)
{
	struct vfence_deadline d = { .context = context, .seqno = seqno, .deadline_ns = ~0ULL };

	return ioctl(dev, VFENCE_IOC_DEADLINE, &d) ? -errno : (int64_t)d.deadline_ns;
}

/* By descriptor, as sw_sync does it. */
static int64_t of_fd(int dev, int fd)
{
	struct vfence_sw_sync_deadline d = { .fence_fd = fd };

	return ioctl(dev, VFENCE_IOC_SW_SYNC_DEADLINE, &d) ? -errno : (int64_t)d.deadline_ns;
}

TEST_F(deadline, earliest_counts)
{
	struct vfence_submit s = { .flags = VFENCE_SUBMIT_MANUAL };
	int fd = submit_job(self->dev, &s);

	EXPECT_EQ(-ENOENT, of(self->dev, s.context, s.seqno));
	ASSERT_EQ(0, set_deadline(fd, 2000));
	EXPECT_EQ(2000, of(self->dev, s.context, s.seqno));
	ASSERT_EQ(0, set_deadline(fd, 3000));
	EXPECT_EQ(2000, of(self->dev, s.context, s.seqno));
	ASSERT_EQ(0, set_deadline(fd, 1000));
	EXPECT_EQ(1000, of(self->dev, s.context, s.seqno));
	EXPECT_EQ(-ENOENT, of(self->dev, s.context, s.seqno + 1));
	EXPECT_EQ(-ENOENT, of(self->dev, s.context + 1, s.seqno));
	EXPECT_EQ(-ENOENT, of(self->dev, 0, 0));
}

TEST_F(deadline, limits)
{
	static const int64_t all[] = { INT64_MAX, 1, 0 };

	for (int i = 0; i < 3; i++) {
		struct vfence_submit s = { .flags = VFENCE_SUBMIT_MANUAL };

		ASSERT_EQ(0, set_deadline(submit_job(self->dev, &s), all[i]));
		EXPECT_EQ(all[i], of(self->dev, s.context, s.seqno));
	}
}

TEST_F(deadline, stays_after_the_signal)
{
	struct vfence_submit s = { .flags = VFENCE_SUBMIT_MANUAL };
	int fd = submit_job(self->dev, &s), other = timeline();

	ASSERT_EQ(0, set_deadline(fd, 5));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(5, of(self->dev, s.context, s.seqno));
	EXPECT_EQ(5, of(other, s.context, s.seqno));
	EXPECT_EQ(5, of_fd(self->dev, fd));
	/* It is too late for another one. */
	ASSERT_EQ(0, set_deadline(fd, 4));
	EXPECT_EQ(5, of(self->dev, s.context, s.seqno));
	close(fd);
	EXPECT_EQ(5, of(self->dev, s.context, s.seqno));
	close(self->dev);
	self->dev = -1;
	EXPECT_EQ(5, of(other, s.context, s.seqno));
}

TEST_F(deadline, of_what_is_in_a_container)
{
	struct vfence_submit s[4] = {};
	int fd[4], all[3];

	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	for (int i = 0; i < 4; i++) {
		s[i].flags = VFENCE_SUBMIT_MANUAL;
		fd[i] = submit_job(self->dev, &s[i]);
	}
	all[0] = combine(self->dev, VFENCE_COMBINE_ARRAY, fd, 2);
	all[1] = chain(self->dev, 1, -1, fd[2]);
	ASSERT_EQ(0, set_deadline(all[0], 7));
	ASSERT_EQ(0, set_deadline(all[1], 8));
	EXPECT_EQ(7, of(self->dev, s[0].context, s[0].seqno));
	EXPECT_EQ(7, of(self->dev, s[1].context, s[1].seqno));
	EXPECT_EQ(8, of(self->dev, s[2].context, s[2].seqno));
	EXPECT_EQ(-ENOENT, of(self->dev, s[3].context, s[3].seqno));
	all[2] = merge(fd[2], fd[3]);
	ASSERT_EQ(0, set_deadline(all[2], 6));
	EXPECT_EQ(6, of(self->dev, s[2].context, s[2].seqno));
	EXPECT_EQ(6, of(self->dev, s[3].context, s[3].seqno));
}

TEST_F(deadline, of_a_point)
{
	int fd[3] = { point(self->dev, 5), point(self->dev, 6) };
	uint64_t context = query(self->dev).context;

	EXPECT_EQ(-ENOENT, of_fd(self->dev, fd[0]));
	ASSERT_EQ(0, set_deadline(fd[0], 50));
	EXPECT_EQ(50, of_fd(self->dev, fd[0]));
	EXPECT_EQ(-ENOENT, of_fd(self->dev, fd[1]));
	ASSERT_EQ(0, call(self->dev, INC(0xfffffff0)));
	fd[2] = point(self->dev, 5);
	EXPECT_EQ(-ENOENT, of_fd(self->dev, fd[2]));
	ASSERT_EQ(0, set_deadline(fd[2], 60));
	EXPECT_EQ(50, of(self->dev, context, 5));
	EXPECT_EQ(60, of(self->dev, context, 0x100000005));
	EXPECT_EQ(60, of_fd(self->dev, fd[2]));
}

TEST_F(deadline, by_descriptor_of_any_timeline)
{
	int other = timeline(), fd = manual(other);

	ASSERT_LE(0, point(self->dev, 1));
	EXPECT_EQ(-ENOENT, of_fd(self->dev, fd));
	ASSERT_EQ(0, set_deadline(fd, 9));
	EXPECT_EQ(9, of_fd(self->dev, fd));
}

TEST_F(deadline, by_descriptor_arguments)
{
	int other = timeline(), fd = point(self->dev, 1), two = merge(fd, manual(other));

	ASSERT_EQ(0, set_deadline(fd, 9));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = fd, .deadline_ns = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = fd,
							  .deadline_ns = 1ULL << 63)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = fd, .pad = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = fd, .pad = 1U << 31)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = -1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = self->dev)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = 0)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = two)));
}

TEST_F(deadline, may_be_set_at_any_time)
{
	int fd = timed(self->dev, 20 * MSEC);

	EXPECT_EQ(0, set_deadline(fd, now_ns()));
	ASSERT_TRUE(signals(fd));
	EXPECT_EQ(0, set_deadline(fd, now_ns()));
}

/* The device does not remember all of them. */
TEST_F_TIMEOUT(deadline, long_ago, 1500)
{
	struct vfence_submit s = { .flags = VFENCE_SUBMIT_MANUAL };
	int first = submit_job(self->dev, &s);

	ASSERT_EQ(0, set_deadline(first, 1));
	for (int i = 0; i < 65535; i++) {
		int fd = manual(self->dev);

		ASSERT_EQ(0, set_deadline(fd, 2));
		close(fd);
	}
	EXPECT_EQ(2, of(self->dev, s.context, 2));
	EXPECT_EQ(2, of(self->dev, s.context, 65536));
	ASSERT_EQ(0, set_deadline(manual(self->dev), 3));
	EXPECT_EQ(-ENOENT, of(self->dev, s.context, 1));
	EXPECT_EQ(3, of(self->dev, s.context, 65537));
}

TEST_HARNESS_MAIN
