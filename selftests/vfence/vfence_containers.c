// SPDX-License-Identifier: GPL-2.0
/*
 * Fences made of several: COMBINE, CHAIN, and what a job's descriptor stands for.
 */
#include "vfence_test.h"

/* `dev` is unordered: each of its fences has a context of its own. */
FIXTURE(containers) {
	int dev;
	int fd[4];
};

FIXTURE_SETUP(containers)
{
	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	for (int i = 0; i < 4; i++)
		self->fd[i] = submit(self->dev, .flags = VFENCE_SUBMIT_MANUAL,
				     .error = i == 3 ? -EIO : 0);
	ASSERT_LE(0, self->fd[3]);
}

FIXTURE_TEARDOWN(containers)
{
	close(self->dev);
}

static int array(int dev, const int *fds, uint32_t count)
{
	return combine(dev, VFENCE_COMBINE_ARRAY, fds, count);
}

static int merged(int dev, const int *fds, uint32_t count)
{
	return combine(dev, VFENCE_COMBINE_MERGE, fds, count);
}

TEST_F(containers, array_waits_for_all)
{
	int fd = array(self->dev, self->fd, 3);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(3, fences_in(fd));
	for (int i = 3; i >= 1; i--) {
		EXPECT_TRUE(stays_pending(fd));
		ASSERT_EQ(0, complete_one(self->dev, i));
	}
	EXPECT_TRUE(signals(fd));
	EXPECT_EQ(1, status(fd));
}

TEST_F(containers, array_has_the_error_of_a_member)
{
	int fd = array(self->dev, self->fd, 4);

	ASSERT_EQ(0, complete(self->dev, 4));
	ASSERT_TRUE(signals(fd));
	EXPECT_EQ(-EIO, status(fd));
}

TEST_F(containers, array_keeps_what_has_signalled_and_what_is_equal)
{
	int twice[3] = { self->fd[0], self->fd[0], self->fd[1] };

	ASSERT_EQ(0, complete_one(self->dev, 2));
	EXPECT_EQ(3, fences_in(array(self->dev, twice, 3)));
	EXPECT_EQ(2, fences_in(array(self->dev, twice, 2)));
}

TEST_F(containers, merge_keeps_what_is_pending)
{
	int twice[3] = { self->fd[0], self->fd[0], self->fd[1] };

	EXPECT_EQ(2, fences_in(merged(self->dev, twice, 3)));
	ASSERT_EQ(0, complete_one(self->dev, 2));
	EXPECT_EQ(1, fences_in(merged(self->dev, twice, 3)));
	EXPECT_EQ(0, status(merged(self->dev, twice, 3)));
	EXPECT_EQ(1, status(merged(self->dev, &self->fd[1], 1)));
}

TEST_F(containers, merge_keeps_the_latest_of_a_context)
{
	int other = timeline(), three[3], fd;

	three[2] = manual(other);
	three[0] = manual(other);
	three[1] = self->fd[0];
	fd = merged(self->dev, three, 3);
	EXPECT_EQ(2, fences_in(fd));
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_EQ(0, complete(other, 1));
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, complete(other, 2));
	EXPECT_TRUE(signals(fd));
}

TEST_F(containers, one_is_that_fence)
{
	int fd[2] = { array(self->dev, self->fd, 1), merged(self->dev, self->fd, 1) };
	int two[2] = { fd[0], self->fd[0] };

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, fences_in(fd[i]));
		EXPECT_STREQ("vfence", the_fence(fd[i]).driver_name);
	}
	/* The same one, and no array of it. */
	EXPECT_EQ(1, fences_in(merged(self->dev, two, 2)));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(1, status(fd[1]));
}

TEST_F(containers, of_containers)
{
	int outer[3], fd;

	outer[0] = array(self->dev, self->fd, 2);
	outer[1] = chain(self->dev, 1, -1, self->fd[2]);
	outer[2] = self->fd[3];
	fd = array(self->dev, outer, 3);
	EXPECT_EQ(4, fences_in(fd));
	EXPECT_EQ(4, fences_in(merged(self->dev, outer, 3)));
	outer[0] = fd;
	EXPECT_EQ(6, fences_in(array(self->dev, outer, 3)));
	ASSERT_EQ(0, complete(self->dev, 4));
	EXPECT_TRUE(signals(fd));
}

/* Doubled up to what may be behind one descriptor, which is above what one call may name. */
TEST_F(containers, too_many_fences)
{
	int many[VFENCE_MAX_FDS], count = VFENCE_MAX_FDS, link;

	for (int i = 0; i < VFENCE_MAX_FDS; i++)
		many[i] = self->fd[0];
	many[0] = array(self->dev, many, VFENCE_MAX_FDS);
	while (count < VFENCE_MAX_LEAVES) {
		many[1] = many[0];
		many[0] = array(self->dev, many, 2);
		count *= 2;
		ASSERT_EQ(count, fences_in(many[0]));
	}
	for (uint32_t how = VFENCE_COMBINE_ARRAY; how <= VFENCE_COMBINE_MERGE; how++)
		EXPECT_EQ(-E2BIG, refused(self->dev, COMBINE(.fences = (uintptr_t)many,
							     .count = 3, .how = how)));
	EXPECT_EQ(-E2BIG, refused(self->dev, SUBMIT(.out = VFENCE_OUT_ARRAY,
						    .out_fences = (uintptr_t)many,
						    .out_count = 1)));
	EXPECT_EQ(-E2BIG, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN,
						    .chain_fd = many[0])));
	EXPECT_EQ(-E2BIG, refused(self->dev, CHAIN(.tail = many[0], .fence = many[2])));
	EXPECT_EQ(-E2BIG, refused(self->dev, CHAIN(.tail = many[2], .fence = many[0])));
	/* One link may contain as many. */
	link = chain(self->dev, 1, -1, many[0]);
	EXPECT_EQ(count, fences_in(link));
	EXPECT_EQ(-E2BIG, refused(self->dev, CHAIN(.point = 2, .tail = link, .fence = many[2])));
}

/* A kernel that looks for leaks takes minutes for as many links. */
TEST_F_TIMEOUT(containers, too_long_a_chain, 1200)
{
	int tail = -1, fd = self->fd[0];

	for (int i = 0; i < VFENCE_MAX_LEAVES; i++) {
		int last = tail;

		tail = chain(self->dev, i + 1, last, fd);
		ASSERT_LE(0, tail);
		if (last >= 0)
			close(last);
	}
	EXPECT_EQ(VFENCE_MAX_LEAVES, fences_in(tail));
	EXPECT_EQ(-E2BIG, refused(self->dev, CHAIN(.tail = tail, .fence = fd)));
	EXPECT_EQ(-E2BIG, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN, .chain_fd = tail)));
	/* What the core makes of chains has each context but once. */
	EXPECT_EQ(1, fences_in(merge(tail, tail)));
}

TEST_F(containers, how)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, COMBINE(.fences = (uintptr_t)self->fd, .count = 1,
						      .how = VFENCE_COMBINE_MERGE + 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, COMBINE(.fences = (uintptr_t)self->fd, .count = 1,
						      .how = UINT32_MAX)));
}

TEST_F(containers, chain_of_links)
{
	int a = chain(self->dev, 1, -1, self->fd[0]);
	int b = chain(self->dev, 2, a, self->fd[1]);
	int c = chain(self->dev, UINT64_MAX, b, self->fd[2]);

	EXPECT_EQ(1, fences_in(a));
	EXPECT_EQ(2, fences_in(b));
	ASSERT_EQ(3, fences_in(c));
	EXPECT_EQ(FD_CLOEXEC, fcntl(c, F_GETFD));
	/* A link waits for those before it. */
	ASSERT_EQ(0, complete_one(self->dev, 3));
	EXPECT_TRUE(stays_pending(c));
	ASSERT_EQ(0, complete_one(self->dev, 1));
	EXPECT_TRUE(signals(a));
	EXPECT_FALSE(is_signaled(b));
	EXPECT_TRUE(stays_pending(c));
	ASSERT_EQ(0, complete_one(self->dev, 2));
	EXPECT_TRUE(signals(c));
	EXPECT_TRUE(is_signaled(b));
}

/* All of these wait for what comes before. */
TEST_F(containers, chain_that_begins_anew)
{
	int tails[4], fd[4];

	tails[0] = self->fd[0];				/* not a link */
	tails[1] = chain(self->dev, 5, -1, self->fd[0]);	/* equal */
	tails[2] = chain(self->dev, 6, -1, self->fd[0]);	/* above */
	tails[3] = array(self->dev, self->fd, 2);
	for (int i = 0; i < 4; i++) {
		fd[i] = chain(self->dev, 5, tails[i], self->fd[2]);
		ASSERT_LE(0, fd[i]);
	}
	ASSERT_EQ(0, complete_one(self->dev, 3));
	for (int i = 0; i < 4; i++)
		EXPECT_TRUE(stays_pending(fd[i]));
	ASSERT_EQ(0, complete(self->dev, 2));
	for (int i = 0; i < 4; i++)
		EXPECT_TRUE(signals(fd[i]));
}

TEST_F(containers, chain_of_a_chain)
{
	int inner = chain(self->dev, 2, chain(self->dev, 1, -1, self->fd[0]), self->fd[1]);
	int fd = chain(self->dev, 1, -1, inner);

	ASSERT_LE(0, fd);
	EXPECT_EQ(2, fences_in(fd));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(stays_pending(fd));
	/* What is in it that is pending. */
	EXPECT_EQ(1, fences_in(chain(self->dev, 1, -1, inner)));
	ASSERT_EQ(0, complete(self->dev, 2));
	EXPECT_TRUE(signals(fd));
}

TEST_F(containers, chain_fields)
{
	int closed = dup(0), bad[] = { -2, closed, self->dev, 0, INT32_MAX, INT32_MIN };

	close(closed);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, refused(self->dev, CHAIN(.point = 1, .tail = bad[i],
							    .fence = self->fd[0])));
		EXPECT_EQ(-EINVAL, refused(self->dev, CHAIN(.point = 1, .tail = -1,
							    .fence = bad[i])));
	}
	EXPECT_EQ(-EINVAL, refused(self->dev, CHAIN(.point = 1, .tail = -1, .fence = -1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, CHAIN(.tail = -1, .fence = self->fd[0],
						    .flags = 1)));
	EXPECT_LE(0, chain(self->dev, 0, -1, self->fd[0]));
	EXPECT_LE(0, chain(self->dev, UINT64_MAX, self->fd[1], self->fd[0]));
}

TEST_F(containers, job_in_a_chain)
{
	int other = timeline(), a, b;

	a = submit(other, .flags = VFENCE_SUBMIT_MANUAL, .out = VFENCE_OUT_CHAIN, .point = 1,
		   .chain_fd = -1);
	b = submit(self->dev, .flags = VFENCE_SUBMIT_MANUAL, .out = VFENCE_OUT_CHAIN, .point = 2,
		   .chain_fd = a);
	ASSERT_LE(0, b);
	EXPECT_EQ(1, fences_in(a));
	EXPECT_EQ(2, fences_in(b));
	ASSERT_EQ(0, complete_one(self->dev, 5));
	EXPECT_TRUE(stays_pending(b));
	ASSERT_EQ(0, complete(other, 1));
	EXPECT_TRUE(signals(b));
	EXPECT_TRUE(is_signaled(a));
}

TEST_F(containers, job_in_an_array)
{
	int other = timeline(), inner = array(self->dev, self->fd, 3), fd;

	fd = submit(other, .flags = VFENCE_SUBMIT_MANUAL, .out = VFENCE_OUT_ARRAY,
		    .out_fences = (uintptr_t)&inner, .out_count = 1);
	EXPECT_EQ(4, fences_in(fd));
	ASSERT_EQ(0, complete(other, 1));
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, complete(self->dev, 3));
	EXPECT_TRUE(signals(fd));
	/* Of one fence: that fence. */
	fd = submit(other, .flags = VFENCE_SUBMIT_MANUAL, .out = VFENCE_OUT_ARRAY);
	EXPECT_STREQ("vfence", the_fence(fd).driver_name);
	ASSERT_EQ(0, complete(other, 2));
	EXPECT_EQ(1, status(fd));
}

TEST_F(containers, job_is_the_last_member)
{
	struct sync_file_info info;
	struct sync_fence_info f[3];
	int other = timeline(), fd;

	ASSERT_EQ(0, call(other, SETUP(.kind = VFENCE_KIND_ORDERED, .name = "last")));
	fd = submit(other, .flags = VFENCE_SUBMIT_MANUAL, .out = VFENCE_OUT_ARRAY,
		    .out_fences = (uintptr_t)self->fd, .out_count = 2);
	ASSERT_EQ(3, describe(fd, &info, f, 3));
	EXPECT_STREQ("last", f[2].obj_name);
	EXPECT_STRNE("last", f[1].obj_name);
	EXPECT_STRNE("last", f[0].obj_name);
}

TEST_HARNESS_MAIN
