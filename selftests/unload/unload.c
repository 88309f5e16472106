// SPDX-License-Identifier: GPL-2.0
/*
 * A driver's module is unloaded, and has left things behind: what the kernel,
 * and whoever holds its fences, see then.
 */
#include "driver.h"
#include "kselftest_harness.h"

FIXTURE(unload) {
	int timeline;
	int foreign;
	uint64_t seqno;
};

FIXTURE_SETUP(unload)
{
	self->timeline = open("/dev/vfence", O_RDWR | O_CLOEXEC);
	if (self->timeline < 0)
		SKIP(return, "there is no /dev/vfence");
	self->foreign = submit_foreign(self->timeline, &self->seqno);
	ASSERT_LE(0, self->foreign);
}

FIXTURE_TEARDOWN(unload)
{
	close(self->foreign);
	close(self->timeline);
}

TEST_F(unload, leaked_context_completes_its_fences)
{
	char driver[32] = "";
	int first = next_fd(), second;

	ASSERT_EQ(0, load(LEAVE_CONTEXT, -1));
	second = first + 1;
	EXPECT_EQ(0, status(first, driver));
	EXPECT_STREQ("unload", driver);
	EXPECT_EQ(0, status(second, NULL));
	ASSERT_EQ(0, unload());
	EXPECT_TRUE(signalled_within(first, 0));
	EXPECT_EQ(-ECANCELED, status(first, driver));
	EXPECT_STREQ("detached-driver", driver);
	/* What was done keeps its result. */
	EXPECT_EQ(-EIO, status(second, NULL));
	close(first);
	close(second);
	EXPECT_TRUE(stays_well());
}

TEST_F(unload, leaked_contexts_are_all_found)
{
	int last = next_fd();

	ASSERT_EQ(0, load(LEAVE_CONTEXTS, -1));
	EXPECT_EQ(0, status(last, NULL));
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-ECANCELED, status(last, NULL));
	close(last);
	EXPECT_TRUE(stays_well());
}

TEST_F(unload, leaked_handle_keeps_nothing_of_the_module)
{
	int fence = next_fd(), before = kept();

	ASSERT_EQ(0, load(LEAVE_HANDLE, -1));
	EXPECT_EQ(-ECANCELED, status(fence, NULL));
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-ECANCELED, status(fence, NULL));
	EXPECT_EQ(before, kept());
	close(fence);
	EXPECT_TRUE(stays_well());
}

TEST_F(unload, leaked_registration_does_not_reach_the_module)
{
	int before = kept(), log = kernel_log();

	ASSERT_LE(0, before);
	ASSERT_LE(0, log);
	ASSERT_EQ(0, load(LEAVE_REGISTRATION, self->foreign));
	ASSERT_EQ(0, unload());
	/* What the fence will call is the library's, which stays: once is enough. */
	EXPECT_EQ(before ? before : 1, kept());
	ASSERT_EQ(0, signal_foreign(self->timeline, self->seqno, self->foreign));
	EXPECT_EQ(1, status(self->foreign, NULL));
	EXPECT_TRUE(stays_well());
	EXPECT_EQ(0, said(log, " runs"));
	close(log);
}

TEST_F(unload, leaked_proxy_is_cut_off)
{
	int target = next_fd();

	ASSERT_EQ(0, load(LEAVE_PROXY, self->foreign));
	EXPECT_EQ(0, status(target, NULL));
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-ECANCELED, status(target, NULL));
	ASSERT_EQ(0, signal_foreign(self->timeline, self->seqno, self->foreign));
	EXPECT_TRUE(stays_well());
	EXPECT_EQ(-ECANCELED, status(target, NULL));
	close(target);
}

TEST_F(unload, leaked_works_do_not_run_any_more)
{
	int log = kernel_log(), late = kernel_log();

	ASSERT_LE(0, log);
	ASSERT_LE(0, late);
	ASSERT_EQ(0, load(LEAVE_WORKS, -1));
	/* One is at it. */
	while (!said(log, "it goes on"))
		usleep(1000);
	ASSERT_EQ(0, unload());
	/* The others were to run after a second. */
	usleep(1200000);
	EXPECT_TRUE(stays_well());
	EXPECT_EQ(0, said(late, " runs"));
	EXPECT_EQ(0, said(log, "it goes on"));
	close(log);
	close(late);
}

TEST_F(unload, queued_cleanup_runs_before_the_module_is_gone)
{
	int log = kernel_log(), later = kernel_log();

	ASSERT_LE(0, log);
	ASSERT_LE(0, later);
	ASSERT_EQ(0, load(LEAVE_CLEANUP, -1));
	/* It takes a second, and the module's exit queues it once more. */
	while (!said(log, "the cleanup begins"))
		usleep(1000);
	ASSERT_EQ(0, unload());
	EXPECT_EQ(2, said(later, "the cleanup has run"));
	EXPECT_TRUE(stays_well());
	close(log);
	close(later);
}

TEST_F(unload, leaked_queue_cancels_its_jobs)
{
	int log = kernel_log(), late = kernel_log(), first;

	ASSERT_LE(0, log);
	ASSERT_LE(0, late);
	first = next_fd();
	ASSERT_EQ(0, load(LEAVE_JOB_QUEUE, self->foreign));
	while (!said(log, "job 1 runs"))
		usleep(1000);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, status(first + i, NULL));
	ASSERT_EQ(0, unload());
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-ECANCELED, status(first + i, NULL));
	/* Neither a job that can run by now nor the timeout reaches the module. */
	ASSERT_EQ(0, signal_foreign(self->timeline, self->seqno, self->foreign));
	usleep(3200000);
	EXPECT_TRUE(stays_well());
	EXPECT_EQ(1, said(late, " runs"));
	EXPECT_EQ(0, said(log, "the hardware is stopped"));
	for (int i = 0; i < 3; i++)
		close(first + i);
	close(log);
	close(late);
}

TEST_F(unload, drops_that_lead_to_drops_are_waited_for)
{
	int log = kernel_log();

	ASSERT_LE(0, log);
	ASSERT_EQ(0, load(LEAVE_CHAIN, -1));
	ASSERT_EQ(0, said(log, "all of it has gone"));
	ASSERT_EQ(0, unload());
	EXPECT_EQ(1, said(log, "all of it has gone"));
	EXPECT_TRUE(stays_well());
	close(log);
}

TEST_F(unload, context_outlives_the_module_that_made_it)
{
	char driver[32] = "";
	int fence = next_fd();

	ASSERT_EQ(0, load(LEAVE_NOTHING, -1));
	ASSERT_EQ(0, load_orphan());
	ASSERT_EQ(0, unload_module("dma_buf_orphan"));
	EXPECT_TRUE(stays_well());
	/* Which, as it goes, uses the context, and hands out a fence. */
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-ECANCELED, status(fence, driver));
	EXPECT_STREQ("detached-driver", driver);
	close(fence);
	EXPECT_TRUE(stays_well());
}

/*
 * Whether a lock class of that name is known to lockdep, or -1 where there is no
 * list of them.
 */
static int lock_class_is_known(const char *name)
{
	FILE *file = fopen("/proc/lockdep", "re");
	char line[512];
	int known = 0;

	if (!file)
		return -1;
	while (!known && fgets(line, sizeof(line), file))
		known = !!strstr(line, name);
	fclose(file);
	return known;
}

static int lockdep_is_on(void)
{
	FILE *file = fopen("/proc/lockdep_stats", "re");
	char line[256];
	int on = 0;

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, " debug_locks: %d", &on);
	if (file)
		fclose(file);
	return on;
}

TEST_F(unload, fence_outlives_its_driver_and_is_tracked_by_lockdep)
{
	const char *name = "unload fence";
	int fence = next_fd();

	if (lock_class_is_known(name) < 0)
		SKIP(return, "there is no /proc/lockdep");
	ASSERT_EQ(0, load(LEAVE_CLASS, -1));
	/* Which takes the fence's lock. */
	EXPECT_EQ(0, status(fence, NULL));
	EXPECT_EQ(1, lock_class_is_known(name));
	ASSERT_EQ(0, unload());
	/* What goes with a module, lockdep has forgotten by now. */
	EXPECT_EQ(1, lock_class_is_known(name));
	EXPECT_EQ(-ECANCELED, status(fence, NULL));
	EXPECT_EQ(1, lock_class_is_known(name));
	EXPECT_EQ(1, lockdep_is_on());
	close(fence);
}

TEST_HARNESS_MAIN
