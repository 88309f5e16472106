// SPDX-License-Identifier: GPL-2.0
/*
 * Limits. To be run on a device that is loaded with small ones, and with sw_sync=1;
 * on another one there is nothing to see.
 */
#include "vfence_test.h"

#define MAX_CONTEXTS 1024

FIXTURE(limits) {
	int dev;
	struct vfence_info info;
};

FIXTURE_SETUP(limits)
{
	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	memset(&self->info, 0, sizeof(self->info));
	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &self->info));
	if (self->info.max_contexts > MAX_CONTEXTS)
		SKIP(return, "the limits are those of a device in use");
	ASSERT_LT(8, self->info.max_fences);
	ASSERT_LT(self->info.max_fences, self->info.max_contexts);
	ASSERT_LT(self->info.max_contexts, 2 * self->info.max_fences);
}

FIXTURE_TEARDOWN(limits)
{
	close(self->dev);
}

/* As the device was loaded with it, which the environment says. */
static uint64_t parameter(const char *name)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : 0;
}

TEST_F(limits, info_says_them)
{
	if (!parameter("max_contexts"))
		SKIP(return, "the environment does not say what the device was loaded with");
	EXPECT_EQ(parameter("max_fences"), self->info.max_fences);
	EXPECT_EQ(parameter("max_contexts"), self->info.max_contexts);
	EXPECT_EQ(parameter("bound_ms") * MSEC, self->info.bound_ns);
}

/* An unused timeline has no context yet. */
TEST_F(limits, timelines)
{
	int fd[MAX_CONTEXTS + 1], max = self->info.max_contexts, copy;

	for (int i = 0; i <= max; i++) {
		fd[i] = timeline();
		ASSERT_LE(0, fd[i]);
	}
	for (int i = 0; i < max; i++)
		ASSERT_LE(0, i % 2 ? manual(fd[i]) : point(fd[i], 1));
	EXPECT_EQ(-ENOSPC, refused(fd[max], SETUP(.kind = VFENCE_KIND_ORDERED)));
	EXPECT_EQ(-ENOSPC, refused(fd[max], SUBMIT()));
	EXPECT_EQ(-ENOSPC, refused(fd[max], CREATE(.value = 1)));
	EXPECT_EQ(-ENOSPC, refused(fd[max], INC(1)));
	EXPECT_EQ(-ENOSPC, refused(fd[max], HANG()));
	EXPECT_EQ(-ENOSPC, refused(fd[max], SETUP(.kind = VFENCE_KIND_UNORDERED)));
	/* A copy of a descriptor keeps the timeline. */
	copy = dup(fd[0]);
	close(fd[0]);
	EXPECT_EQ(-ENOSPC, refused(fd[max], SUBMIT()));
	close(copy);
	/* An UNORDERED one counts, and each of its jobs, too. */
	ASSERT_EQ(0, setup(fd[max], VFENCE_KIND_UNORDERED));
	EXPECT_EQ(-ENOSPC, refused(fd[max], SUBMIT()));
	close(fd[1]);
	EXPECT_LE(0, manual(fd[max]));
	EXPECT_EQ(-ENOSPC, refused(fd[max], SUBMIT()));
	for (int i = 2; i <= max; i++)
		close(fd[i]);
}

TEST_F(limits, jobs_on_a_file)
{
	uint32_t max = self->info.max_fences;

	for (uint32_t i = 0; i < max; i++)
		ASSERT_LE(0, manual(self->dev));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL)));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT()));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN, .chain_fd = -1)));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.out = VFENCE_OUT_ARRAY)));
	EXPECT_EQ(max, query(self->dev).pending);
	/* What is complete does not count. */
	ASSERT_EQ(0, complete(self->dev, 2));
	EXPECT_LE(0, manual(self->dev));
	EXPECT_LE(0, manual(self->dev));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL)));
	/* The numbers have no gap. */
	EXPECT_EQ(max + 2, query(self->dev).last);
	ASSERT_EQ(0, complete(self->dev, max + 2));
	EXPECT_EQ(0, query(self->dev).pending);
	for (uint32_t i = 0; i < max; i++)
		ASSERT_LE(0, manual(self->dev));
}

TEST_F(limits, jobs_on_an_unordered_file)
{
	uint32_t max = self->info.max_fences;

	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	for (uint32_t i = 0; i < max; i++)
		ASSERT_LE(0, manual(self->dev));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL)));
	ASSERT_EQ(0, complete_one(self->dev, max / 2));
	EXPECT_LE(0, manual(self->dev));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL)));
}

/* Of all jobs, on whatever file. */
TEST_F(limits, in_fences)
{
	uint32_t max = self->info.max_fences;
	struct vfence_submit s = { .flags = VFENCE_SUBMIT_MANUAL, .in_count = max - 1 };
	int other = timeline(), third = timeline(), *in = calloc(max, sizeof(*in));

	ASSERT_NE(NULL, in);
	in[0] = manual(other);
	for (uint32_t i = 1; i < max; i++)
		in[i] = in[0];
	s.in_fences = (uintptr_t)in;
	ASSERT_LE(0, submit_job(self->dev, &s));
	/* One is left. */
	EXPECT_EQ(-ENOSPC, refused(third, SUBMIT(.in_fences = (uintptr_t)in, .in_count = 2)));
	ASSERT_LE(0, submit(third, .in_fences = (uintptr_t)in, .in_count = 1));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.in_fences = (uintptr_t)in, .in_count = 1)));
	ASSERT_LE(0, manual(self->dev));
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_LE(0, submit_job(self->dev, &s));
	ASSERT_EQ(0, complete(third, 1));
	ASSERT_EQ(0, complete(self->dev, 3));
	s.in_count = max;
	ASSERT_LE(0, submit_job(self->dev, &s));
	free(in);
}

TEST_F(limits, points_on_a_file)
{
	uint32_t max = self->info.max_fences;
	int *fd = calloc(max, sizeof(*fd));

	ASSERT_NE(NULL, fd);
	for (uint32_t i = 0; i < max; i++) {
		fd[i] = point(self->dev, i + 1);
		ASSERT_LE(0, fd[i]);
	}
	EXPECT_EQ(-ENOSPC, refused(self->dev, CREATE(.value = max + 1)));
	ASSERT_EQ(0, call(self->dev, INC(1)));
	EXPECT_LE(0, point(self->dev, max + 1));
	EXPECT_EQ(-ENOSPC, refused(self->dev, CREATE(.value = max + 2)));
	/* One that is there already is no other fence. */
	EXPECT_LE(0, point(self->dev, max + 1));
	/* A point that nobody has any more counts until the counter has passed it. */
	close(fd[max / 2]);
	EXPECT_EQ(-ENOSPC, refused(self->dev, CREATE(.value = max + 2)));
	EXPECT_LE(0, point(self->dev, max / 2 + 1));
	ASSERT_EQ(0, call(self->dev, INC(max)));
	EXPECT_EQ(0, query(self->dev).pending);
	EXPECT_LE(0, point(self->dev, max + 2));
	free(fd);
}

TEST_F(limits, contexts_of_the_device)
{
	/* The two timelines count, too. */
	uint32_t max = self->info.max_fences, rest = self->info.max_contexts - max - 2;
	int other = timeline(), third = timeline();

	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	ASSERT_EQ(0, setup(other, VFENCE_KIND_UNORDERED));
	for (uint32_t i = 0; i < max; i++)
		ASSERT_LE(0, manual(self->dev));
	for (uint32_t i = 0; i < rest; i++)
		ASSERT_LE(0, manual(other));
	EXPECT_EQ(-ENOSPC, refused(other, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL)));
	EXPECT_EQ(-ENOSPC, refused(third, CREATE(.value = 5)));
	EXPECT_EQ(rest, query(other).pending);
	ASSERT_EQ(0, complete_one(self->dev, max / 2));
	EXPECT_LE(0, manual(other));
	EXPECT_EQ(-ENOSPC, refused(other, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL)));
	/* The contexts of a file that is closed are free for others. */
	close(other);
	for (uint32_t i = 0; i <= rest; i++)
		ASSERT_LE(0, point(third, i + 1));
	close(third);
}

TEST_F(limits, the_other_name)
{
	int fd = open("/dev/sw_sync", O_RDWR | O_CLOEXEC), fence;

	if (fd < 0)
		SKIP(return, "there is no /dev/sw_sync");
	fence = point(fd, 1);
	EXPECT_STREQ("vfence", the_fence(fence).driver_name);
	ASSERT_EQ(0, call(fd, INC(1)));
	EXPECT_EQ(1, status(fence));
	close(fd);
}

TEST_HARNESS_MAIN
