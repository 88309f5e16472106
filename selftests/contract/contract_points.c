// SPDX-License-Identifier: GPL-2.0
/*
 * Points, which one thread passes while others wait for them.
 */
#include "contract_test.h"

#include <pthread.h>

#define POINTS 16

TIMELINE_FIXTURE(points)

static void *wait_for_all(void *arg)
{
	int *fd = arg;
	long good = 0;

	for (int i = 0; i < POINTS; i++)
		good += signals(fd[i]) && status(fd[i]) == 1;
	return (void *)good;
}

TEST_F(points, that_others_wait_for)
{
	struct a_while w = a_while();
	pthread_t thread[2];
	int fd[POINTS];
	uint32_t value = 0;
	void *good;

	while (goes_on(&w)) {
		for (int i = 0; i < POINTS; i++) {
			fd[i] = point(self->dev, value + POINTS - i);
			ASSERT_LE(0, fd[i]);
		}
		for (int i = 0; i < 2; i++)
			ASSERT_EQ(0, pthread_create(&thread[i], NULL, wait_for_all, fd));
		for (int i = POINTS - 1; i >= 0; i--) {
			ASSERT_EQ(0, call(self->dev, INC(1)));
			ASSERT_TRUE(is_signaled(fd[i]));
		}
		for (int i = 0; i < 2; i++) {
			ASSERT_EQ(0, pthread_join(thread[i], &good));
			ASSERT_EQ(POINTS, (long)good);
		}
		for (int i = 0; i < POINTS; i++)
			close(fd[i]);
		value += POINTS;
	}
	EXPECT_EQ(0, query(self->dev).pending);
}

TEST_HARNESS_MAIN
