// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs completed by hand, timelines that hang and are reset.
 */
#include <pthread.h>

#include "vfence_test.h"

FIXTURE(signal) {
	int dev;
};

FIXTURE_VARIANT(signal) {
	uint32_t kind;
};

FIXTURE_VARIANT_ADD(signal, ordered) { .kind = VFENCE_KIND_ORDERED };
FIXTURE_VARIANT_ADD(signal, unordered) { .kind = VFENCE_KIND_UNORDERED };

FIXTURE_SETUP(signal)
{
	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_EQ(0, setup(self->dev, variant->kind));
}

FIXTURE_TEARDOWN(signal)
{
	close(self->dev);
}

static int failing(int dev, int error)
{
	return submit(dev, .flags = VFENCE_SUBMIT_MANUAL, .error = error);
}

TEST_F(signal, up_to_a_number)
{
	int fd[4] = { manual(self->dev), failing(self->dev, -EIO), manual(self->dev),
		      manual(self->dev) };

	ASSERT_EQ(0, complete(self->dev, 3));
	/* The call returned, so they have. */
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(-EIO, status(fd[1]));
	EXPECT_EQ(1, status(fd[2]));
	EXPECT_EQ(0, status(fd[3]));
	EXPECT_EQ(3, query(self->dev).value);
	/* Once more, and backwards: nothing happens. */
	ASSERT_EQ(0, complete(self->dev, 3));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(0, status(fd[3]));
	EXPECT_EQ(1, query(self->dev).pending);
}

TEST_F(signal, job_that_runs)
{
	struct vfence_info info = {};
	int fd;

	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &info));
	fd = timed(self->dev, info.max_delay_ns);
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(1, status(fd));
}

TEST_F(signal, only_one)
{
	int fd[3] = { manual(self->dev), failing(self->dev, -EIO), manual(self->dev) };
	int ordered = variant->kind == VFENCE_KIND_ORDERED;

	ASSERT_EQ(0, complete_one(self->dev, 2));
	EXPECT_EQ(0, status(fd[0]));
	EXPECT_EQ(ordered ? 0 : -EIO, status(fd[1]));
	EXPECT_EQ(0, query(self->dev).value);
	ASSERT_EQ(0, complete_one(self->dev, 1));
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(-EIO, status(fd[1]));
	EXPECT_EQ(0, status(fd[2]));
	EXPECT_EQ(2, query(self->dev).value);
	EXPECT_EQ(1, query(self->dev).pending);
}

TEST_F(signal, without_waiting)
{
	int fd[3] = { manual(self->dev), manual(self->dev), manual(self->dev) };

	ASSERT_EQ(0, call(self->dev, SIGNAL(.seqno = 1, .flags = VFENCE_SIGNAL_NOWAIT)));
	EXPECT_TRUE(signals(fd[0]));
	EXPECT_FALSE(is_signaled(fd[1]));
	ASSERT_EQ(0, call(self->dev, SIGNAL(.seqno = 2, .flags = VFENCE_SIGNAL_NOWAIT |
							 VFENCE_SIGNAL_ONE)));
	EXPECT_TRUE(signals(fd[1]));
	EXPECT_FALSE(is_signaled(fd[2]));
}

TEST_F(signal, numbers)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 1)));
	ASSERT_LE(0, manual(self->dev));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 2)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 2, .flags = VFENCE_SIGNAL_ONE)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 1ULL << 32 | 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 1ULL << 63)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = UINT64_MAX)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 0, .flags = VFENCE_SIGNAL_ONE)));
	EXPECT_EQ(0, complete(self->dev, 0));
	EXPECT_EQ(1, query(self->dev).pending);
	EXPECT_EQ(0, complete(self->dev, 1));
}

TEST_F(signal, unknown_flags)
{
	ASSERT_LE(0, manual(self->dev));
	for (int bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 1, .flags = 1U << bit)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 1, .pad = 1)));
	EXPECT_EQ(1, query(self->dev).pending);
}

TEST_F(signal, nothing_completes_while_it_hangs)
{
	int fd[3] = { manual(self->dev) };

	EXPECT_EQ(0, query(self->dev).state);
	ASSERT_EQ(0, call(self->dev, HANG()));
	EXPECT_EQ(VFENCE_STATE_HANGING, query(self->dev).state);
	fd[1] = timed(self->dev, 0);
	fd[2] = submit(self->dev, .error = -EIO);
	ASSERT_LE(0, fd[2]);
	EXPECT_EQ(-EIO, refused(self->dev, SIGNAL(.seqno = 1)));
	EXPECT_EQ(-EIO, refused(self->dev, SIGNAL(.seqno = 3, .flags = VFENCE_SIGNAL_ONE)));
	EXPECT_EQ(-EIO, refused(self->dev, SIGNAL(.seqno = 3, .flags = VFENCE_SIGNAL_NOWAIT)));
	EXPECT_EQ(0, call(self->dev, HANG()));
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(stays_pending(fd[i]));
	EXPECT_EQ(3, query(self->dev).pending);
}

TEST_F(signal, hang_and_reset)
{
	int fd[50], after;

	for (int i = 0; i < 50; i++) {
		if (i == 10)
			EXPECT_EQ(0, call(self->dev, HANG()));
		fd[i] = i % 3 && i > 10 ? timed(self->dev, 0) : manual(self->dev);
		ASSERT_LE(0, fd[i]);
	}
	ASSERT_EQ(0, call(self->dev, RESET(.error = -ECANCELED)));
	for (int i = 0; i < 50; i++) {
		EXPECT_EQ(-ECANCELED, status(fd[i]));
		EXPECT_LE(timestamp(fd[i ? i - 1 : 0]), timestamp(fd[i]));
	}
	EXPECT_EQ(0, query(self->dev).state);
	EXPECT_EQ(0, query(self->dev).pending);
	EXPECT_EQ(50, query(self->dev).value);
	/* It goes on, and counts on. */
	after = manual(self->dev);
	EXPECT_EQ(0, status(after));
	ASSERT_EQ(0, complete(self->dev, 51));
	EXPECT_EQ(1, status(after));
}

TEST_F(signal, reset_without_a_hang)
{
	int fd[2] = { manual(self->dev), timed(self->dev, LONGEST) };

	ASSERT_EQ(0, call(self->dev, RESET(.error = -ETIME)));
	EXPECT_EQ(-ETIME, status(fd[0]));
	EXPECT_EQ(-ETIME, status(fd[1]));
	/* What is gone is left alone. */
	EXPECT_EQ(0, complete(self->dev, 2));
	ASSERT_EQ(0, call(self->dev, RESET(.error = -ETIME)));
	EXPECT_EQ(2, query(self->dev).last);
}

TEST_F(signal, reset_leaves_what_is_done)
{
	int ordered = variant->kind == VFENCE_KIND_ORDERED;
	int fd[4] = { manual(self->dev), failing(self->dev, -EIO), manual(self->dev),
		      manual(self->dev) };

	ASSERT_EQ(0, complete_one(self->dev, 2));
	ASSERT_EQ(0, complete_one(self->dev, 3));
	EXPECT_EQ(ordered ? 4 : 2, query(self->dev).pending);
	ASSERT_EQ(0, call(self->dev, RESET(.error = -ECANCELED)));
	EXPECT_EQ(-ECANCELED, status(fd[0]));
	EXPECT_EQ(-EIO, status(fd[1]));
	EXPECT_EQ(1, status(fd[2]));
	EXPECT_EQ(-ECANCELED, status(fd[3]));
}

TEST_F(signal, reset_of_jobs_that_wait)
{
	int other = timeline(), in = manual(other), fd;

	fd = submit(self->dev, .in_fences = (uintptr_t)&in, .in_count = 1);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, call(self->dev, HANG()));
	ASSERT_EQ(0, call(self->dev, RESET(.error = -ETIME)));
	EXPECT_EQ(-ETIME, status(fd));
	EXPECT_EQ(0, status(in));
	ASSERT_EQ(0, complete(other, 1));
	EXPECT_EQ(-ETIME, status(fd));
}

TEST_F(signal, in_fence_signals_while_it_hangs)
{
	int other = timeline(), in = manual(other), fd;

	fd = submit(self->dev, .in_fences = (uintptr_t)&in, .in_count = 1);
	ASSERT_EQ(0, call(self->dev, HANG()));
	ASSERT_EQ(0, complete(other, 1));
	EXPECT_TRUE(stays_pending(fd));
	ASSERT_EQ(0, call(self->dev, RESET(.error = -ECANCELED)));
	/* It was not done, as nothing is while the timeline hangs. */
	EXPECT_EQ(-ECANCELED, status(fd));
}

TEST_F(signal, errors_of_a_reset)
{
	static const int bad[] = { 0, -EIO, ETIME, ECANCELED, -1, -4095, -4096, INT32_MIN,
				   INT32_MAX };

	ASSERT_LE(0, manual(self->dev));
	ASSERT_EQ(0, call(self->dev, HANG()));
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, refused(self->dev, RESET(.error = bad[i])));
	EXPECT_EQ(-EINVAL, refused(self->dev, RESET(.error = -ETIME, .flags = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, HANG(.flags = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, HANG(.pad = 1)));
	EXPECT_EQ(VFENCE_STATE_HANGING, query(self->dev).state);
}

TEST_F(signal, contexts)
{
	struct vfence_submit s[3] = {};
	int ordered = variant->kind == VFENCE_KIND_ORDERED;

	for (int i = 0; i < 3; i++) {
		s[i].flags = VFENCE_SUBMIT_MANUAL;
		ASSERT_LE(0, submit_job(self->dev, &s[i]));
		EXPECT_EQ(i + 1, s[i].seqno);
		EXPECT_NE(0, s[i].context);
		EXPECT_EQ(ordered ? s[i].context : 0, query(self->dev).context);
	}
	EXPECT_EQ(ordered, s[0].context == s[1].context);
	EXPECT_EQ(ordered, s[0].context == s[2].context);
	EXPECT_EQ(ordered, s[1].context == s[2].context);
	EXPECT_EQ(ordered ? 1 : 2, fences_in(merge(s[0].fd, s[1].fd)));
}

TEST_F(signal, timed_jobs_of_a_closed_timeline)
{
	int dev = timeline(), fd[2];

	ASSERT_EQ(0, setup(dev, variant->kind));
	fd[0] = manual(dev);
	fd[1] = timed(dev, LONGEST);
	ASSERT_EQ(0, call(dev, HANG()));
	ASSERT_EQ(0, close(dev));
	EXPECT_EQ(-ENOENT, status(fd[0]));
	EXPECT_EQ(-ENOENT, status(fd[1]));
}

TEST_F(signal, as_they_are_done)
{
	int ordered = variant->kind == VFENCE_KIND_ORDERED;
	int held = manual(self->dev), fd = timed(self->dev, 0);

	EXPECT_TRUE(ordered ? stays_pending(fd) : signals(fd));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(1, status(held));
	EXPECT_TRUE(signals(fd));
}

/* More than are completed in one go: there are pauses. */
#define MANY 1000
#define LATE 50
/* So long they run, each of the LATE is done before those that began earlier. */
#define LONG(i) (LONGEST - (i) * 200 * MSEC)

/* Jobs that are completed by hand; says the last one's fence. */
static int many(int dev)
{
	int fd = -1;

	for (int i = 0; i < MANY; i++) {
		if (fd >= 0)
			close(fd);
		fd = manual(dev);
		if (fd < 0)
			break;
	}
	return fd;
}

/* Many jobs, and behind them some that wait for another timeline's. */
struct pauses {
	int dev, other, first, last, late;
};

static int pauses(struct pauses *p, uint32_t kind)
{
	p->dev = timeline();
	p->other = timeline();
	if (setup(p->dev, kind))
		return -1;
	p->first = manual(p->dev);
	p->last = many(p->dev);
	for (int i = 0; i < LATE; i++) {
		int in = manual(p->other);

		p->late = submit(p->dev, .in_fences = (uintptr_t)&in, .in_count = 1,
				 .delay_ns = LONG(i));
	}
	return p->late;
}

static void *reset_it(void *arg)
{
	struct pauses *p = arg;

	return (void *)(intptr_t)call(p->dev, RESET(.error = -ECANCELED));
}

static void *close_it(void *arg)
{
	struct pauses *p = arg;

	return (void *)(intptr_t)close(p->dev);
}

/* It has waited for the first of those that run, or the guest has stood still for as long. */
#define TOO_LONG LONG(LATE - 1)
#define ROUNDS 3

/* Has those that wait begin when the first one has signalled; -EAGAIN if it took too long. */
static int begins_meanwhile(struct pauses *p, void *(*what)(void *))
{
	uint64_t begin = now_ns();
	pthread_t thread;
	void *ret;

	if (pthread_create(&thread, NULL, what, p) || !signals(p->first))
		return -1;
	for (int i = 0; i < LATE; i++)
		if (complete(p->other, i + 1))
			return -1;
	if (!signals(p->late) || pthread_join(thread, &ret))
		return -1;
	return now_ns() - begin < TOO_LONG ? (int)(intptr_t)ret : -EAGAIN;
}

/* The first that is done by itself is so in a minute, and nothing waits for that. */
TEST_F(signal, job_that_begins_in_a_pause)
{
	uint64_t begin, ns = TOO_LONG;
	int dev, fd;

	for (int i = 0; i < ROUNDS && ns >= TOO_LONG; i++) {
		dev = timeline();
		ASSERT_EQ(0, setup(dev, variant->kind));
		fd = many(dev);
		ASSERT_LE(0, fd);
		begin = now_ns();
		ASSERT_EQ(0, call(dev, SIGNAL(.seqno = MANY, .flags = VFENCE_SIGNAL_NOWAIT)));
		for (int j = 0; j < LATE; j++)
			ASSERT_LE(0, timed(dev, LONG(j)));
		ASSERT_TRUE(signals(fd));
		ns = now_ns() - begin;
		EXPECT_EQ(1, status(fd));
	}
	EXPECT_GT(TOO_LONG, ns);
	EXPECT_EQ(LATE, query(dev).pending);
}

TEST_F(signal, job_that_begins_in_a_reset)
{
	int ret = -EAGAIN;
	struct pauses p;

	for (int i = 0; i < ROUNDS && ret == -EAGAIN; i++) {
		ASSERT_LE(0, pauses(&p, variant->kind));
		ret = begins_meanwhile(&p, reset_it);
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(-ECANCELED, status(p.last));
	EXPECT_EQ(-ECANCELED, status(p.late));
}

TEST_F(signal, job_that_begins_in_a_close)
{
	int ret = -EAGAIN;
	struct pauses p;

	for (int i = 0; i < ROUNDS && ret == -EAGAIN; i++) {
		ASSERT_LE(0, pauses(&p, variant->kind));
		ret = begins_meanwhile(&p, close_it);
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(-ENOENT, status(p.last));
	EXPECT_EQ(-ENOENT, status(p.late));
}

struct both {
	int other;
	uint64_t number;
	int go;
};

static void *signal_in_fence(void *arg)
{
	struct both *b = arg;

	while (!__atomic_load_n(&b->go, __ATOMIC_ACQUIRE))
		;
	complete(b->other, b->number);
	return NULL;
}

/* A manual job is completed by hand as its in-fence signals on another CPU: it does not wait on. */
TEST(by_hand_and_ready_at_once)
{
	int dev = timeline(), other = timeline();

	if (dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	for (int i = 1; i <= 300; i++) {
		struct both b = { .other = other, .number = i };
		struct vfence_submit s = {
			.flags = VFENCE_SUBMIT_MANUAL, .in_count = 1, .fd = -1,
		};
		int in = manual(other);
		pthread_t thread;

		s.in_fences = (uintptr_t)&in;
		ASSERT_EQ(0, call(dev, VFENCE_IOC_SUBMIT, &s));
		ASSERT_EQ(0, pthread_create(&thread, NULL, signal_in_fence, &b));
		__atomic_store_n(&b.go, 1, __ATOMIC_RELEASE);
		ASSERT_EQ(0, call(dev, SIGNAL(.seqno = i, .flags = VFENCE_SIGNAL_ONE |
								   VFENCE_SIGNAL_NOWAIT)));
		pthread_join(thread, NULL);
		ASSERT_TRUE(signals(s.fd));
		close(s.fd);
		close(in);
	}
	close(dev);
	close(other);
}

TEST_HARNESS_MAIN
