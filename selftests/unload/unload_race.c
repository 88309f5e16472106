// SPDX-License-Identifier: GPL-2.0
/*
 * A driver's module is unloaded while its code is being called on another CPU, again
 * and again, each time a little later.
 *
 * checkpatch: VOLATILE: two processes share a number, and each looks at it again
 */
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "driver.h"
#include "kselftest_harness.h"

/* Each takes some ten grace periods. */
#define ROUNDS 12

/* A bound on a hang, in seconds, and no measure. */
#define PATIENCE 240

FIXTURE(race) {
	int timeline;
	/* How often the child has done what it does. */
	volatile uint32_t *turns;
};

FIXTURE_SETUP(race)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two CPUs");
	self->timeline = open("/dev/vfence", O_RDWR | O_CLOEXEC);
	if (self->timeline < 0)
		SKIP(return, "there is no /dev/vfence");
	self->turns = mmap(NULL, sizeof(*self->turns), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->turns);
}

FIXTURE_TEARDOWN(race)
{
	munmap((void *)self->turns, sizeof(*self->turns));
	close(self->timeline);
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/*
 * Asks for the fences' states until they have signalled. The second waits for the
 * first, so that asking about it has the driver asked about that.
 */
static void ask(volatile uint32_t *turns, int first, int second)
{
	stay_on(1);
	while (!status(first, NULL) || !status(second, NULL))
		++*turns;
	_exit(status(first, NULL) != -ECANCELED || status(second, NULL) != -EIO);
}

TEST_F_TIMEOUT(race, driver_is_asked_about_fences, PATIENCE)
{
	int round, first, code;
	pid_t child;

	stay_on(0);
	for (round = 0; round < ROUNDS; round++) {
		first = next_fd();
		ASSERT_EQ(0, load(LEAVE_CONTEXT, -1));
		*self->turns = 0;
		child = fork();
		ASSERT_LE(0, child);
		if (!child)
			ask(self->turns, first, first + 1);
		while (*self->turns < 10 + (uint32_t)round)
			usleep(100);
		ASSERT_EQ(0, unload());
		ASSERT_EQ(child, waitpid(child, &code, 0));
		ASSERT_EQ(0, code);
		close(first);
		close(first + 1);
	}
}

enum { LIVE, GOING, GONE };

/* What becomes of the module. */
static int state(void)
{
	FILE *file = fopen("/sys/module/dma_buf_unload/initstate", "re");
	char text[16] = "";

	if (!file)
		return GONE;
	if (!fgets(text, sizeof(text), file))
		strcpy(text, "gone");
	fclose(file);
	return !strncmp(text, "live", 4) ? LIVE : !strncmp(text, "going", 5) ? GOING : GONE;
}

/* In a child, which ends with what the module was when the fence signalled. */
static void signal_in(volatile uint32_t *turns, int round, int timeline, uint64_t seqno,
		      int foreign)
{
	int before;

	stay_on(1);
	*turns = 1;
	while (state() < round % 3)
		;
	usleep(round / 3 * 2000);
	before = state();
	_exit(signal_foreign(timeline, seqno, foreign) ? 100 : before);
}

TEST_F_TIMEOUT(race, foreign_fence_signals, PATIENCE)
{
	int round, foreign, code, seen[3] = {};
	uint64_t seqno;
	pid_t child;

	stay_on(0);
	for (round = 0; round < ROUNDS; round++) {
		foreign = submit_foreign(self->timeline, &seqno);
		ASSERT_LE(0, foreign);
		ASSERT_EQ(0, load(LEAVE_REGISTRATION, foreign));
		*self->turns = 0;
		child = fork();
		ASSERT_LE(0, child);
		if (!child)
			signal_in(self->turns, round, self->timeline, seqno, foreign);
		while (!*self->turns)
			usleep(100);
		ASSERT_EQ(0, unload());
		ASSERT_EQ(child, waitpid(child, &code, 0));
		ASSERT_TRUE(WIFEXITED(code) && WEXITSTATUS(code) <= GONE);
		seen[WEXITSTATUS(code)]++;
		close(foreign);
	}
	TH_LOG("%d before, %d meanwhile, %d after", seen[LIVE], seen[GOING], seen[GONE]);
	EXPECT_LT(0, seen[GOING]);
	EXPECT_LT(0, seen[GONE]);
}

TEST_HARNESS_MAIN
