// SPDX-License-Identifier: GPL-2.0
/*
 * A job that hangs, with the module's parameter timeout_ms at some seconds: a host may stand still
 * for a while, and a job that does not hang must not time out.
 */
#include "vgpu_test.h"

VGPU_FIXTURE(timeout)

/* All are there when the first begins, so the ring takes at once what it can. */
TEST_F(timeout, hang_resets_the_ring)
{
	for (uint32_t ring = 0; ring < 2; ring++) {
		int vf = timeline(), start = manual(vf);
		uint32_t started = syncobj_with(self->dev, start);
		int hangs = gpu_file(self->dev, .ring = ring, .flags = VGPU_SUBMIT_HANG,
				     IN({ .handle = started }));
		int beside = gpu_file(self->dev, .ring = ring);
		int waits = gpu_file(self->dev, .ring = ring, IN({ .handle = self->hold }));

		ASSERT_EQ(0, complete(vf, 1));
		ASSERT_TRUE(signals(hangs));
		EXPECT_EQ(-ETIME, status(hangs));
		ASSERT_TRUE(signals(beside));
		/* The slow ring had not taken it. */
		EXPECT_EQ(ring ? 1 : -ECANCELED, status(beside));
		EXPECT_EQ(0, status(waits));
		if (ring) {
			release_held();
			EXPECT_TRUE(signals(waits));
			EXPECT_EQ(1, status(waits));
		}
		close(hangs);
		close(beside);
		close(waits);
		close(start);
		close(vf);
	}
}

/* It is done at once, but signals in its turn. */
TEST_F(timeout, failed_job_behind_one_that_hangs)
{
	for (uint32_t ring = 0; ring < 2; ring++) {
		int dep = gpu_file(self->dev, .ring = !ring, .error = -EIO,
				   IN({ .handle = self->hold }));
		uint32_t bad = syncobj_with(self->dev, dep);
		int hangs = gpu_file(self->dev, .ring = ring, .flags = VGPU_SUBMIT_HANG);
		int fails = gpu_file(self->dev, .ring = ring, .flags = VGPU_SUBMIT_PASS_ERRORS,
				     IN({ .handle = bad }));
		int after = gpu_file(self->dev, .ring = ring);

		if (!ring)
			release_held();
		ASSERT_TRUE(signals(hangs));
		EXPECT_EQ(-ETIME, status(hangs));
		ASSERT_TRUE(signals(fails));
		EXPECT_EQ(-EIO, status(fails));
		EXPECT_LE(timestamp(hangs), timestamp(fails));
		/* Whether the ring had taken it depends on the ring. */
		ASSERT_TRUE(signals(after));
		close(dep);
		close(hangs);
		close(fails);
		close(after);
	}
}

/* It counts from when the job runs, and not from its submission. */
TEST_F(timeout, waiting_takes_any_time)
{
	int waits = gpu_file(self->dev, IN({ .handle = self->hold }));
	int hangs = gpu_file(self->dev, .ring = VGPU_RING_SLOW, .flags = VGPU_SUBMIT_HANG);

	/* Twice the timeout, at least. */
	ASSERT_TRUE(signals(hangs));
	close(hangs);
	hangs = gpu_file(self->dev, .ring = VGPU_RING_SLOW, .flags = VGPU_SUBMIT_HANG);
	ASSERT_TRUE(signals(hangs));
	EXPECT_EQ(0, status(waits));
	release_held();
	EXPECT_TRUE(signals(waits));
	EXPECT_EQ(1, status(waits));
	close(waits);
	close(hangs);
}

TEST_HARNESS_MAIN
