// SPDX-License-Identifier: GPL-2.0
/*
 * What /dev/vfence refuses, and that nothing half-done is left of it.
 */
#include "vfence_test.h"

#include <sys/mman.h>
#include <sys/resource.h>

TIMELINE_FIXTURE(args)

/* The error, with no descriptor given out. */
static int refused(int dev, struct vfence_submit s)
{
	int lowest = dup(dev), ret, after;

	close(lowest);
	ret = ioctl(dev, VFENCE_IOC_SUBMIT, &s) ? -errno : 0;
	after = dup(dev);
	close(after);
	return after == lowest ? ret : -1000;
}

TEST_F(args, unknown_flags)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, (struct vfence_submit){ .flags = 4 }));
	EXPECT_EQ(-EINVAL, refused(self->dev, (struct vfence_submit){ .flags = 1U << 31 }));
}

TEST_F(args, padding_must_be_zero)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, (struct vfence_submit){ .pad = 1 }));
}

TEST_F(args, manual_job_has_no_delay)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, (struct vfence_submit){
		.flags = VFENCE_SUBMIT_MANUAL, .delay_ns = 1 }));
}

TEST_F(args, error_is_an_error_code)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, (struct vfence_submit){ .error = 1 }));
	EXPECT_EQ(-EINVAL, refused(self->dev, (struct vfence_submit){ .error = -4096 }));
	EXPECT_EQ(-EINVAL, refused(self->dev, (struct vfence_submit){ .error = INT32_MIN }));
}

TEST_F(args, error_codes_at_the_limits)
{
	int fd;

	fd = submit(self->dev, 0, 0, -1, NULL);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(signaled_within(fd, WAIT_MSEC));
	EXPECT_EQ(-1, status(fd));
	fd = submit(self->dev, 0, 0, -4095, NULL);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(signaled_within(fd, WAIT_MSEC));
	EXPECT_EQ(-4095, status(fd));
}

TEST_F(args, delay_is_bounded)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, (struct vfence_submit){ .delay_ns = UINT64_MAX }));
	EXPECT_EQ(-EINVAL, refused(self->dev, (struct vfence_submit){ .delay_ns = 1ULL << 63 }));
}

TEST_F(args, signal_of_what_was_never_submitted)
{
	uint64_t seqno;

	EXPECT_EQ(-EINVAL, complete(self->dev, 1));
	ASSERT_LE(0, manual(self->dev, &seqno));
	EXPECT_EQ(-EINVAL, complete(self->dev, seqno + 1));
	EXPECT_EQ(-EINVAL, complete(self->dev, UINT64_MAX));
	EXPECT_EQ(0, complete(self->dev, seqno));
	EXPECT_EQ(0, complete(self->dev, 0));
}

TEST_F(args, unknown_ioctls)
{
	struct vfence_submit s = {};

	EXPECT_EQ(-1, ioctl(self->dev, _IO(VFENCE_IOC_MAGIC, 0x7f)));
	EXPECT_EQ(ENOTTY, errno);
	/* Right number, but smaller than any version of the structure. */
	EXPECT_EQ(-1, ioctl(self->dev, _IOWR(VFENCE_IOC_MAGIC, 0x00, uint64_t), &s));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->dev, _IOR(VFENCE_IOC_MAGIC, 0x00, struct vfence_submit), &s));
	EXPECT_EQ(ENOTTY, errno);
}

TEST_F(args, bad_address)
{
	EXPECT_EQ(-1, ioctl(self->dev, VFENCE_IOC_SUBMIT, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->dev, VFENCE_IOC_SIGNAL, (void *)8));
	EXPECT_EQ(EFAULT, errno);
}

/* Read but not written: the job was made, and the answer cannot be given. */
TEST_F(args, read_only_answer)
{
	struct vfence_submit *s;
	int lowest, after, ret;

	s = mmap(NULL, sizeof(*s), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, s);
	lowest = dup(self->dev);
	close(lowest);
	ret = ioctl(self->dev, VFENCE_IOC_SUBMIT, s);
	EXPECT_EQ(-1, ret);
	EXPECT_EQ(EFAULT, errno);
	after = dup(self->dev);
	EXPECT_EQ(lowest, after);

	/* The timeline goes on: what comes next is not stuck behind it. */
	ret = timed(self->dev, 0);
	ASSERT_LE(0, ret);
	EXPECT_TRUE(signaled_within(ret, WAIT_MSEC));
	EXPECT_EQ(1, status(ret));
}

TEST_F(args, no_descriptor_left)
{
	struct rlimit old, none;
	uint64_t before = 0, after = 0;
	int ret;

	ASSERT_LE(0, submit(self->dev, 0, 0, 0, &before));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none = (struct rlimit){ 0, old.rlim_max };
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	ret = timed(self->dev, 0);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(-EMFILE, ret);
	ASSERT_LE(0, submit(self->dev, 0, 0, 0, &after));
	EXPECT_EQ(before + 1, after);
}

TEST_HARNESS_MAIN
