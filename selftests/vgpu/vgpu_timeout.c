// SPDX-License-Identifier: GPL-2.0
/*
 * A job that hangs, with the module's parameter timeout_ms at a fraction of a second.
 */
#include "vgpu_test.h"

VGPU_FIXTURE(timeout)

TEST_F(timeout, hang_resets_the_ring)
{
	for (uint32_t ring = 0; ring < 2; ring++) {
		int hangs = gpu_file(self->dev, .ring = ring, .flags = VGPU_SUBMIT_HANG);
		int beside = gpu_file(self->dev, .ring = ring);
		int waits = gpu_file(self->dev, .ring = ring, IN({ .handle = self->hold }));

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
