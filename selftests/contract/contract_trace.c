// SPDX-License-Identifier: GPL-2.0
/*
 * What signals the fences of vfence, as the kernel traces it: an irq_work, in hard
 * interrupt context (with PREEMPT_RT, in a thread), each fence once and in its turn.
 * The device must have no other user while this runs.
 */
#include "contract_test.h"
#include "trace.h"

#include <sys/utsname.h>

#define JOBS 200
#define NAME "contract trace"

static bool is_preempt_rt(void)
{
	struct utsname kernel;

	return !uname(&kernel) && strstr(kernel.version, "PREEMPT_RT");
}

FIXTURE(trace) {
	int dev;
	struct trace t;
};

FIXTURE_SETUP(trace)
{
	int ret;

	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_LE(0, self->dev);
	ret = trace_begin(&self->t);
	if (ret == -ENOENT)
		SKIP(return, "the kernel does not trace fences");
	ASSERT_EQ(0, ret);
	if (!self->t.vectors && !is_preempt_rt())
		SKIP(return, "the kernel does not trace interrupts");
}

FIXTURE_TEARDOWN(trace)
{
	trace_end(&self->t);
	close(self->dev);
}

static int named(int dev, uint32_t kind)
{
	return call(dev, SETUP(.kind = kind, .name = NAME));
}

static int has_signalled(const struct trace_event *e)
{
	return !strcmp(e->name, "dma_fence_signaled") && !strcmp(e->timeline, NAME);
}

/*
 * Checks that the fences 1 to @count have signalled, each once and from an irq_work, and,
 * with @in_order, in that order.
 */
static void all_signalled(struct __test_metadata *_metadata, struct trace *t,
			  uint32_t count, bool in_order)
{
	char *seen = calloc(count + 1, 1);
	bool hardirq = !is_preempt_rt();
	uint32_t n = 0;

	ASSERT_NE(NULL, seen);
	ASSERT_EQ(0, trace_read(t));
	for (unsigned int i = 0; i < t->count; i++) {
		const struct trace_event *e = &t->events[i];

		if (!has_signalled(e))
			continue;
		n++;
		ASSERT_STREQ("vfence", e->driver);
		ASSERT_EQ(hardirq, e->hardirq)
			TH_LOG("number %u signalled %s hard interrupt context", e->seqno,
			       e->hardirq ? "in" : "outside");
		ASSERT_TRUE(e->irq_work)
			TH_LOG("no irq_work has signalled number %u", e->seqno);
		ASSERT_TRUE(e->seqno >= 1 && e->seqno <= count);
		ASSERT_EQ(0, seen[e->seqno])
			TH_LOG("number %u signalled twice", e->seqno);
		seen[e->seqno] = 1;
		ASSERT_TRUE(!in_order || e->seqno == n)
			TH_LOG("number %u signalled as the %u.", e->seqno, n);
	}
	EXPECT_EQ(count, n);
	free(seen);
}

/* How many signalled between two markers. */
static uint32_t between(const struct trace *t, const char *from, const char *to)
{
	bool inside = false;
	uint32_t n = 0;

	for (unsigned int i = 0; i < t->count; i++) {
		if (!strcmp(t->events[i].text, from))
			inside = true;
		else if (!strcmp(t->events[i].text, to))
			inside = false;
		n += inside && has_signalled(&t->events[i]);
	}
	return n;
}

/* What runs for different times, waits for others, and is completed by hand. */
static int submit_all(struct __test_metadata *_metadata, int dev)
{
	int other = timeline(), last = -1;
	struct vfence_submit s;

	for (int i = 1; i <= JOBS; i++) {
		int in = timed(other, i % 5 * MSEC);

		s = (struct vfence_submit){ .delay_ns = i * 7 % 10 * MSEC / 4 };
		if (i % 4 == 0) {
			s.in_fences = (uintptr_t)&in;
			s.in_count = 1;
		} else if (i % 10 == 1) {
			s.flags = VFENCE_SUBMIT_MANUAL;
			s.delay_ns = 0;
		}
		close(last);
		last = submit_job(dev, &s);
		EXPECT_LE(0, last);
		EXPECT_EQ(i, s.seqno);
		EXPECT_EQ(0, s.flags ? complete_one(dev, s.seqno) : 0);
		close(in);
	}
	return last;
}

TEST_F(trace, jobs_signal_in_order)
{
	ASSERT_EQ(0, named(self->dev, VFENCE_KIND_ORDERED));
	ASSERT_TRUE(signals(submit_all(_metadata, self->dev)));
	all_signalled(_metadata, &self->t, JOBS, true);
}

TEST_F(trace, jobs_signal_without_an_order)
{
	ASSERT_EQ(0, named(self->dev, VFENCE_KIND_UNORDERED));
	submit_all(_metadata, self->dev);
	/* What is left of them. */
	ASSERT_EQ(0, complete(self->dev, JOBS));
	all_signalled(_metadata, &self->t, JOBS, false);
}

/* Before the call returns, and not before it was made. */
TEST_F(trace, calls_that_complete)
{
	ASSERT_EQ(0, named(self->dev, VFENCE_KIND_ORDERED));
	for (int i = 0; i < 30; i++)
		ASSERT_LE(0, manual(self->dev));

	trace_mark("signal");
	ASSERT_EQ(0, complete(self->dev, 10));
	trace_mark("signalled");
	trace_mark("reset");
	ASSERT_EQ(0, call(self->dev, RESET(.error = -ECANCELED)));
	trace_mark("was reset");
	for (int i = 0; i < 10; i++)
		ASSERT_LE(0, manual(self->dev));
	trace_mark("close");
	ASSERT_EQ(0, close(self->dev));
	trace_mark("closed");
	self->dev = -1;

	all_signalled(_metadata, &self->t, 40, true);
	EXPECT_EQ(10, between(&self->t, "signal", "signalled"));
	EXPECT_EQ(20, between(&self->t, "reset", "was reset"));
	EXPECT_EQ(10, between(&self->t, "close", "closed"));
}

/* A step passes points 3 * i + 1 to 3 * i + 3. */
TEST_F(trace, inc_has_signalled_when_it_returns)
{
	char from[16], to[16];
	int fd[3];

	ASSERT_EQ(0, named(self->dev, VFENCE_KIND_POINTS));
	for (int i = 0; i < JOBS / 3; i++) {
		/* Not in order. */
		for (int j = 0; j < 3; j++)
			fd[j] = point(self->dev, 3 * i + 3 - j);
		snprintf(from, sizeof(from), "inc %d", i);
		snprintf(to, sizeof(to), "was inc %d", i);
		trace_mark(from);
		ASSERT_EQ(0, call(self->dev, INC(3)));
		trace_mark(to);
		for (int j = 0; j < 3; j++) {
			EXPECT_TRUE(is_signaled(fd[j]));
			close(fd[j]);
		}
	}
	all_signalled(_metadata, &self->t, JOBS / 3 * 3, true);
	for (int i = 0; i < JOBS / 3; i++) {
		snprintf(from, sizeof(from), "inc %d", i);
		snprintf(to, sizeof(to), "was inc %d", i);
		EXPECT_EQ(3, between(&self->t, from, to));
	}
}

/* Every irq_work that was queued has run, soon, and nothing is left. */
static int is_at_rest(void)
{
	for (int i = 0; i < WAIT_MSEC; i++) {
		if (counter("irq_works_queued") == counter("irq_works_run") &&
		    !counter("pending"))
			return 1;
		usleep(1000);
	}
	return 0;
}

TEST_F(trace, device_counts_it_so)
{
	static const char *const names[] = { "submitted", "signalled", "irq_works_run",
					     "timed_out" };
	long before[4], grown[4];

	ASSERT_EQ(0, named(self->dev, VFENCE_KIND_ORDERED));
	if (counter("submitted") < 0)
		SKIP(return, "there is no debugfs");
	ASSERT_TRUE(is_at_rest())
		TH_LOG("others use the device");
	for (int i = 0; i < 4; i++)
		before[i] = counter(names[i]);
	for (int i = 1; i <= JOBS; i++) {
		int fd = manual(self->dev);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, complete(self->dev, i));
		EXPECT_TRUE(is_signaled(fd));
		close(fd);
	}
	all_signalled(_metadata, &self->t, JOBS, true);
	EXPECT_TRUE(is_at_rest());
	for (int i = 0; i < 4; i++)
		grown[i] = counter(names[i]) - before[i];
	EXPECT_EQ(JOBS, grown[0]);
	EXPECT_EQ(JOBS, grown[1]);
	/* Each call waits for one, which completes its job. */
	EXPECT_LE(JOBS, grown[2]);
	EXPECT_EQ(0, grown[3]);
}

/* What is looked for above would be seen: sw_sync signals in the call itself. */
TEST_F(trace, process_context_shows)
{
	int sw = sw_sync(), fd, n = 0;

	if (sw < 0)
		SKIP(return, "there is no sw_sync");
	fd = point(sw, 1);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, call(sw, INC(1)));
	ASSERT_EQ(0, trace_read(&self->t));
	for (unsigned int i = 0; i < self->t.count; i++) {
		const struct trace_event *e = &self->t.events[i];

		if (strcmp(e->name, "dma_fence_signaled") || strcmp(e->driver, "sw_sync"))
			continue;
		n++;
		EXPECT_FALSE(e->hardirq);
		EXPECT_FALSE(e->irq_work);
	}
	EXPECT_EQ(1, n);
	close(sw);
}

TEST_HARNESS_MAIN
