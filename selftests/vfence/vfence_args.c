// SPDX-License-Identifier: GPL-2.0
/*
 * The fields of VFENCE_IOC_SUBMIT: what is refused, what is not, and that nothing
 * half-done is left of the former.
 */
#include "vfence_test.h"

#include <sys/mman.h>
#include <sys/resource.h>

TIMELINE_FIXTURE(args)

TEST_F(args, unknown_flags)
{
	for (int bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.flags = 1U << bit)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.flags = UINT32_MAX)));
}

TEST_F(args, known_flags)
{
	for (uint32_t flags = 0; flags < 4; flags++)
		EXPECT_LE(0, submit(self->dev, .flags = flags));
}

TEST_F(args, padding_must_be_zero)
{
	for (int bit = 0; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.pad = 1U << bit)));
}

TEST_F(args, what_comes_out_need_not_be_zero)
{
	struct vfence_submit s = { .seqno = ~0ULL, .context = ~0ULL, .fd = -1 };

	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_SUBMIT, &s));
	EXPECT_EQ(1, s.seqno);
	EXPECT_NE(0, s.context);
	EXPECT_NE(~0ULL, s.context);
	EXPECT_TRUE(signals(s.fd));
}

TEST_F(args, manual_job_has_no_delay)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL,
						     .delay_ns = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL,
						     .delay_ns = UINT64_MAX)));
}

TEST_F(args, error_is_an_error_code)
{
	static const int bad[] = { 1, EIO, INT32_MAX, -4096, INT32_MIN };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.error = bad[i])));
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL,
							     .error = bad[i])));
	}
}

TEST_F(args, error_codes_at_the_limits)
{
	static const int good[] = { -1, -EIO, -4095 };

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		int fd = submit(self->dev, .error = good[i]);

		ASSERT_TRUE(signals(fd));
		EXPECT_EQ(good[i], status(fd));
	}
}

TEST_F(args, delay_is_bounded)
{
	struct vfence_info info = {};
	int fd;

	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &info));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.delay_ns = info.max_delay_ns + 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.delay_ns = 1ULL << 63)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.delay_ns = UINT64_MAX)));
	fd = timed(self->dev, info.max_delay_ns);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(stays_pending(fd));
	EXPECT_LE(0, timed(self->dev, info.max_delay_ns - 1));
	EXPECT_EQ(0, complete(self->dev, 2));
}

TEST_F(args, kind_of_what_comes_out)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = 3)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = UINT32_MAX)));
	EXPECT_LE(0, submit(self->dev, .out = VFENCE_OUT_FENCE));
	EXPECT_LE(0, submit(self->dev, .out = VFENCE_OUT_CHAIN, .chain_fd = -1));
	EXPECT_LE(0, submit(self->dev, .out = VFENCE_OUT_ARRAY));
}

TEST_F(args, fields_of_a_chain_are_zero_without_one)
{
	static const uint32_t others[] = { VFENCE_OUT_FENCE, VFENCE_OUT_ARRAY };

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = others[i], .point = 1)));
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = others[i],
							     .point = 1ULL << 63)));
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = others[i],
							     .chain_fd = -1)));
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = others[i],
							     .chain_fd = 1)));
	}
}

TEST_F(args, fields_of_an_array_are_zero_without_one)
{
	static const uint32_t others[] = { VFENCE_OUT_FENCE, VFENCE_OUT_CHAIN };
	int fd = manual(self->dev);

	for (int i = 0; i < 2; i++) {
		int none = others[i] == VFENCE_OUT_CHAIN ? -1 : 0;

		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = others[i], .chain_fd = none,
							     .out_fences = (uintptr_t)&fd)));
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = others[i], .chain_fd = none,
							     .out_count = 1)));
		EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = others[i], .chain_fd = none,
							     .out_fences = (uintptr_t)&fd,
							     .out_count = 1)));
	}
}

TEST_F(args, tail_of_a_chain_is_a_sync_file)
{
	int closed = dup(0);

	close(closed);
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN, .chain_fd = -2)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN, .chain_fd = 0)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN,
						     .chain_fd = INT32_MAX)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN,
						     .chain_fd = INT32_MIN)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN,
						     .chain_fd = self->dev)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN,
						     .chain_fd = closed)));
}

/* As of an unused timeline, which a failure gives no kind. */
TEST_F(args, failure_is_the_same_on_a_timeline_in_use)
{
	ASSERT_LE(0, manual(self->dev));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.flags = 4)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.pad = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = 3)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN,
						     .chain_fd = self->dev)));
	EXPECT_EQ(1, query(self->dev).pending);
}

/* Read but not written: the answer cannot be given. */
TEST_F(args, read_only_answer)
{
	struct vfence_submit *s;
	int fd;

	s = mmap(NULL, sizeof(*s), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, s);
	ASSERT_LE(0, manual(self->dev));
	EXPECT_EQ(-EFAULT, refused(self->dev, VFENCE_IOC_SUBMIT, s));

	/* The timeline goes on: what comes next is not stuck behind it. */
	fd = timed(self->dev, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(signals(fd));
	EXPECT_EQ(1, status(fd));
}

/* Not by refused(), which itself wants a descriptor. */
TEST_F(args, no_descriptor_left)
{
	struct vfence_query before, after;
	int ret[4], two[2];
	struct rlimit old;

	two[0] = manual(self->dev);
	two[1] = manual(self->dev);
	before = query(self->dev);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, old.rlim_max }));
	ret[0] = timed(self->dev, 0);
	ret[1] = combine(self->dev, VFENCE_COMBINE_ARRAY, two, 2);
	ret[2] = combine(self->dev, VFENCE_COMBINE_MERGE, two, 1);
	ret[3] = chain(self->dev, 1, -1, two[0]);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	after = query(self->dev);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(-EMFILE, ret[i]);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST_HARNESS_MAIN
