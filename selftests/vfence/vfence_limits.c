// SPDX-License-Identifier: GPL-2.0
/*
 * Limits. To be run on a device that is loaded with small ones, and with sw_sync=1;
 * on another one there is nothing to see.
 */
#include "vfence_test.h"

#define MAX_FILES 64
#define MAX_FENCES 1024

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
	if (self->info.max_files > MAX_FILES || self->info.max_fences_device > MAX_FENCES)
		SKIP(return, "the limits are those of a device in use");
	ASSERT_LT(8, self->info.max_fences);
	ASSERT_LT(self->info.max_fences, self->info.max_fences_device);
	ASSERT_LT(self->info.max_fences_device, 2 * self->info.max_fences);
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
	if (!parameter("max_files"))
		SKIP(return, "the environment does not say what the device was loaded with");
	EXPECT_EQ(parameter("max_files"), self->info.max_files);
	EXPECT_EQ(parameter("max_fences"), self->info.max_fences);
	EXPECT_EQ(parameter("max_fences_device"), self->info.max_fences_device);
	EXPECT_EQ(parameter("bound_ms") * MSEC, self->info.bound_ns);
}

TEST_F(limits, files)
{
	int fd[MAX_FILES + 1], max = self->info.max_files, fds, copy;

	fd[0] = self->dev;
	for (int i = 1; i < max; i++) {
		fd[i] = timeline();
		ASSERT_LE(0, fd[i]);
	}
	fds = open_fds();
	EXPECT_EQ(-1, timeline());
	EXPECT_EQ(EMFILE, errno);
	EXPECT_EQ(fds, open_fds());
	/* A copy is no other file. */
	copy = dup(fd[max - 1]);
	ASSERT_LE(0, copy);
	close(fd[max - 1]);
	EXPECT_EQ(-1, timeline());
	close(copy);
	fd[max] = timeline();
	EXPECT_LE(0, fd[max]);
	EXPECT_EQ(-1, timeline());
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

TEST_F(limits, in_fences)
{
	uint32_t max = self->info.max_fences, count = max - 2;
	struct vfence_submit s = { .flags = VFENCE_SUBMIT_MANUAL, .in_count = count };
	int other = timeline(), *in = calloc(max, sizeof(*in));

	ASSERT_NE(NULL, in);
	in[0] = manual(other);
	for (uint32_t i = 1; i < max; i++)
		in[i] = in[0];
	s.in_fences = (uintptr_t)in;
	ASSERT_LE(0, submit_job(self->dev, &s));
	/* One is left. */
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.in_fences = (uintptr_t)in, .in_count = 1)));
	ASSERT_LE(0, manual(self->dev));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT()));
	EXPECT_EQ(2, query(self->dev).pending);
	ASSERT_EQ(0, complete(self->dev, 2));
	s.in_count = max - 1;
	ASSERT_LE(0, submit_job(self->dev, &s));
	ASSERT_EQ(0, complete(self->dev, 3));
	s.in_count = max;
	EXPECT_EQ(-ENOSPC, refused(self->dev, VFENCE_IOC_SUBMIT, &s));
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
	/* Nor does a point that nobody has any more count. */
	close(fd[max - 1]);
	close(fd[max / 2]);
	EXPECT_LE(0, point(self->dev, max + 2));
	EXPECT_LE(0, point(self->dev, max + 3));
	EXPECT_EQ(-ENOSPC, refused(self->dev, CREATE(.value = max + 4)));
	free(fd);
}

TEST_F(limits, points_that_nobody_has)
{
	uint32_t many = 5 * self->info.max_fences;

	for (uint32_t i = 0; i < many; i++) {
		int fd = point(self->dev, 1 + i);

		ASSERT_LE(0, fd);
		close(fd);
	}
	ASSERT_EQ(0, call(self->dev, INC(many)));
	EXPECT_EQ(0, query(self->dev).pending);
}

TEST_F(limits, device)
{
	uint32_t max = self->info.max_fences, rest = self->info.max_fences_device - max;
	int other = timeline(), third = timeline();

	for (uint32_t i = 0; i < max; i++)
		ASSERT_LE(0, manual(self->dev));
	for (uint32_t i = 0; i < rest; i++)
		ASSERT_LE(0, manual(other));
	EXPECT_EQ(-ENOSPC, refused(other, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL)));
	EXPECT_EQ(-ENOSPC, refused(third, CREATE(.value = 5)));
	EXPECT_EQ(rest, query(other).pending);
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_LE(0, manual(other));
	EXPECT_EQ(-ENOSPC, refused(other, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL)));
	/* What goes with a file is the others' again. */
	close(other);
	for (uint32_t i = 0; i <= rest; i++)
		ASSERT_LE(0, point(third, i + 1));
	EXPECT_EQ(-ENOSPC, refused(third, CREATE(.value = rest + 2)));
}

/* Of a chain, all is there as long as what is in it is pending. */
TEST_F(limits, links_of_a_chain)
{
	uint32_t max = self->info.max_fences_device;
	int fd = manual(self->dev), tail = -1, last;

	for (uint32_t i = 0; i < max; i++) {
		last = tail;
		tail = chain(self->dev, i + 1, last, fd);
		ASSERT_LE(0, tail);
		if (last >= 0)
			close(last);
	}
	/* Neither other ones, nor jobs for them. */
	EXPECT_EQ(-ENOSPC, refused(self->dev, CHAIN(.point = 1, .tail = -1, .fence = fd)));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN, .chain_fd = -1)));
	/* They are no fences, and do not keep one from making some. */
	EXPECT_EQ(1, query(self->dev).last);
	EXPECT_EQ(1, query(self->dev).pending);
	EXPECT_LE(0, manual(self->dev));
	/* Those that nobody has do not count. */
	close(tail);
	for (uint32_t i = 0; i < 2 * max; i++) {
		last = chain(self->dev, i + 1, -1, fd);
		ASSERT_LE(0, last);
		close(last);
	}
	ASSERT_EQ(0, complete(self->dev, 2));
	for (uint32_t i = 0; i < max; i++) {
		last = submit(self->dev, .out = VFENCE_OUT_CHAIN, .chain_fd = -1);
		ASSERT_LE(0, last);
		ASSERT_TRUE(signals(last));
		close(last);
	}
}

/* An array that was told to signal is there until then, though nobody has it. */
TEST_F(limits, what_is_in_arrays)
{
	uint32_t max = self->info.max_fences_device / 2;
	int fd[] = { manual(self->dev), manual(self->dev) }, done;
	/* Of the same timeline, one of them is left. */
	int two[] = { fd[0], manual(timeline()) };

	for (uint32_t i = 0; i < max; i++) {
		int array = combine(self->dev, VFENCE_COMBINE_ARRAY, fd, 2);

		ASSERT_LE(0, array);
		close(array);
	}
	EXPECT_EQ(-ENOSPC, refused(self->dev, COMBINE(.fences = (uintptr_t)fd, .count = 2)));
	EXPECT_EQ(-ENOSPC, refused(self->dev, COMBINE(.fences = (uintptr_t)two, .count = 2,
						      .how = VFENCE_COMBINE_MERGE)));
	EXPECT_EQ(-ENOSPC, refused(self->dev, SUBMIT(.out = VFENCE_OUT_ARRAY, .out_count = 2,
						     .out_fences = (uintptr_t)fd)));
	/* One fence needs no array, so nothing is made. */
	done = combine(self->dev, VFENCE_COMBINE_ARRAY, fd, 1);
	EXPECT_LE(0, done);
	EXPECT_LE(0, submit(self->dev, .out = VFENCE_OUT_ARRAY));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(-ENOSPC, refused(self->dev, COMBINE(.fences = (uintptr_t)fd, .count = 2)));
	ASSERT_EQ(0, complete(self->dev, 2));
	EXPECT_TRUE(signals(done));
	/* The arrays signal from irq_works of the core's. */
	for (int i = 0; i < WAIT_MSEC; i++) {
		done = combine(self->dev, VFENCE_COMBINE_ARRAY, fd, 2);
		if (done >= 0)
			break;
		usleep(1000);
	}
	EXPECT_LE(0, done);
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
