// SPDX-License-Identifier: GPL-2.0
/*
 * Threads do things at random to /dev/vfence and to what it makes, and the kernel must not
 * mind; after that, the device must be as good as new. $FUZZ says for how long, and with which
 * seed. Each thread has a stream of random numbers of its own, so one thread does the same
 * again with the same seed; how several mix is by chance.
 */
#include "fuzz.h"

#include <stdarg.h>

#include "module.h"
#include "vfence_test.h"

/* As long as $FUZZ says; the bound on a hang is in here. */
#define NO_TIMEOUT (7 * 24 * 3600)
/* How long a thread may take to end, in s. */
#define PATIENCE 240
/*
 * A slow machine goes on until it has made this many calls, as others do in the time given, but
 * for at most this many seconds more.
 */
#define LEAST_CALLS 10000
#define MORE_SECONDS 300
#define FDS 64

struct thread threads[MAX_THREADS];
unsigned int thread_count;
int complaints;

static atomic_bool is_over;
static pthread_barrier_t all_there;

/* In one write: others may hold stdio's lock, and go on holding it in a child. */
void complain(struct thread *t, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	if (__atomic_fetch_add(&complaints, 1, __ATOMIC_RELAXED) > 20)
		return;
	n = snprintf(text, sizeof(text), "# thread %u%s, call %lu: ", t->id,
		     t->is_child ? ", its child" : "", t->calls);
	va_start(args, format);
	n += vsnprintf(text + n, sizeof(text) - n - 1, format, args);
	va_end(args);
	n = n < (int)sizeof(text) - 1 ? n : (int)sizeof(text) - 2;
	text[n] = '\n';
	while (write(STDOUT_FILENO, text, n + 1) < 0)
		if (errno != EINTR)
			abort();
}

static void *run(void *arg)
{
	struct thread *t = arg;

	coverage_begin(t);
	pthread_barrier_wait(&all_there);
	while (!is_over)
		act(t);
	t->doing = "nothing more";
	return NULL;
}

static unsigned long all_calls(void)
{
	unsigned long calls = 0;

	for (unsigned int i = 0; i < thread_count; i++)
		calls += __atomic_load_n(&threads[i].calls, __ATOMIC_RELAXED);
	return calls;
}

/* The numbers of the next descriptors. */
static void number_descriptors(int *numbers)
{
	for (int i = 0; i < FDS; i++)
		numbers[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < FDS; i++)
		close(numbers[i]);
}

/* With the limits that this is for, if the module's file is there. */
FIXTURE(fuzz) { };

FIXTURE_SETUP(fuzz)
{
	if (access("/dev/vfence", F_OK))
		SKIP(return, "there is no /dev/vfence");
	if (has_module("vfence")) {
		ASSERT_EQ(0, unload_module("vfence"));
		ASSERT_EQ(0, reload());
	}
	coverage_modules();
}

FIXTURE_TEARDOWN(fuzz)
{
}

TEST_F_TIMEOUT(fuzz, nothing_is_broken_or_left, NO_TIMEOUT)
{
	struct orders orders = read_orders(10, 4);
	struct stream seeds = { orders.seed };
	int before[FDS], after[FDS];
	struct timespec end;

	ASSERT_LE(1, orders.threads);
	ASSERT_GE(MAX_THREADS, orders.threads);
	thread_count = orders.threads;
	number_descriptors(before);
	prepare_acts();
	pthread_barrier_init(&all_there, NULL, thread_count + 1);
	for (unsigned int i = 0; i < thread_count; i++) {
		struct thread *t = &threads[i];

		t->id = i;
		t->random.state = next(&seeds);
		t->doing = "nothing yet";
		t->faults = -1;
		make_memory(t);
		ASSERT_EQ(0, pthread_create(&t->thread, NULL, run, t));
	}
	fflush(stdout);
	pthread_barrier_wait(&all_there);
	for (unsigned int s = 0; s < orders.seconds ||
	     (all_calls() < LEAST_CALLS && s < orders.seconds + MORE_SECONDS); s++)
		sleep(1);
	is_over = true;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += PATIENCE;
	for (unsigned int i = 0; i < thread_count; i++) {
		struct thread *t = &threads[i];

		if (pthread_clockjoin_np(t->thread, NULL, CLOCK_MONOTONIC, &end)) {
			complain(t, "it does not come back from: %s",
				 __atomic_load_n(&t->doing, __ATOMIC_RELAXED));
			_exit(KSFT_FAIL);
		}
		printf("# thread %u: %lu of %lu ioctls succeeded\n", i, t->successes, t->calls);
		EXPECT_LT(0, t->successes);
	}
	end_acts();
	close_all(&threads[0]);
	coverage_write();

	EXPECT_EQ(0, complaints);
	number_descriptors(after);
	EXPECT_EQ(0, memcmp(before, after, sizeof(before)))
		TH_LOG("descriptors were lost");
}

/* Waits: what a close leaves to be done is done soon. */
#define SOON(condition) ({							\
	uint64_t end_ = now_ns() + WAIT_MSEC * MSEC;				\
	bool is_so_;								\
										\
	while (!(is_so_ = (condition)) && now_ns() < end_)			\
		usleep(1000);							\
	is_so_;									\
})

/* What the device is like afterwards. */
TIMELINE_FIXTURE(after)

TEST_F(after, no_fence_is_pending)
{
	char line[64];
	FILE *f;

	close(self->dev);
	self->dev = -1;
	if (counter("pending") < 0)
		SKIP(return, "there is no debugfs");
	EXPECT_TRUE(SOON(!counter("pending")));
	f = fopen("/sys/kernel/debug/vfence/timelines", "re");
	ASSERT_NE(NULL, f);
	EXPECT_EQ(NULL, fgets(line, sizeof(line), f));
	fclose(f);
}

/* A guest that stands still for longer than the bound is no fault: the next time will do. */
static bool job_is_done(int dev)
{
	int fd = timed(dev, MSEC);
	bool is_done = signals(fd) && status(fd) == 1;

	close(fd);
	return is_done;
}

static bool point_is_passed(int dev)
{
	static uint32_t value;
	int fd = point(dev, ++value);
	bool is_passed = !call(dev, INC(1)) && status(fd) == 1;

	close(fd);
	return is_passed;
}

TEST_F(after, jobs_and_points_are_done)
{
	int dev = timeline();

	EXPECT_TRUE(SOON(job_is_done(self->dev)));
	EXPECT_TRUE(SOON(point_is_passed(dev)));
	EXPECT_EQ(0, query(self->dev).pending);
	EXPECT_EQ(0, query(dev).pending);
}

TEST_F(after, all_contexts_are_free)
{
	struct vfence_info info = {};
	int dev;

	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &info));
	if (info.max_contexts > 256)
		SKIP(return, "the device has more contexts than descriptors are for");
	for (uint32_t i = 0; i < info.max_contexts; i++) {
		dev = timeline();
		ASSERT_LE(0, dev);
		ASSERT_TRUE(SOON(!setup(dev, VFENCE_KIND_UNORDERED)))
			TH_LOG("of %u contexts, %u are free", info.max_contexts, i);
	}
	EXPECT_EQ(-ENOSPC, setup(timeline(), VFENCE_KIND_UNORDERED));
}

/* As in-fences, of which all jobs together may have as many as one may have fences. */
TEST_F(after, all_in_fences_are_free)
{
	int fds[VFENCE_MAX_FDS], fd = timed(self->dev, 0);
	struct vfence_info info = {};

	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &info));
	if (info.max_fences > VFENCE_MAX_FDS)
		SKIP(return, "the device takes more in-fences than one job does");
	for (int i = 0; i < VFENCE_MAX_FDS; i++)
		fds[i] = fd;
	EXPECT_TRUE(SOON(submit(self->dev, .in_fences = (uintptr_t)fds,
				.in_count = info.max_fences) >= 0));
}

TEST_F(after, both_modules_are_unloaded)
{
	close(self->dev);
	self->dev = -1;
	if (!has_module("vfence") || !has_module("dma_buf_rs"))
		SKIP(return, "the modules are elsewhere");
	ASSERT_TRUE(SOON(!unload_module("vfence")));
	ASSERT_EQ(0, unload_module("dma_buf_rs"));
	ASSERT_EQ(0, load_module("dma_buf_rs", ""));
	ASSERT_EQ(0, reload());
}

TEST_F(after, both_cpus_are_there)
{
	char text[16] = "";
	FILE *f = fopen("/sys/devices/system/cpu/cpu1/online", "re");

	if (!f)
		SKIP(return, "the kernel takes no CPU offline");
	EXPECT_NE(NULL, fgets(text, sizeof(text), f));
	EXPECT_EQ('1', text[0]);
	fclose(f);
}

TEST_HARNESS_MAIN
