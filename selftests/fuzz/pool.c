// SPDX-License-Identifier: GPL-2.0
/*
 * The descriptors that the threads share.
 */
#include "fuzz.h"

#include <sys/ioctl.h>

#include <linux/vfence.h>

#include "buffer.h"

#define SLOTS 24

/* 0 is none, and others are one more than the descriptor. */
static atomic_int slots[KINDS][SLOTS];

atomic_bool is_quiet;

static const char *const files[] = {
	"/sys/kernel/debug/vfence/timelines", "/sys/kernel/debug/vfence/counters", "/dev/null",
};

int pick(struct thread *t, enum kind of)
{
	return slots[of][below(&t->random, SLOTS)] - 1;
}

int pick_any(struct thread *t)
{
	return pick(t, below(&t->random, KINDS));
}

void put(struct thread *t, enum kind of, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = atomic_exchange(&slots[of][below(&t->random, SLOTS)], fd + 1);
	if (old)
		close(old - 1);
}

static enum kind kind_of(int fd)
{
	for (int kind = 0; kind < KINDS; kind++)
		for (int i = 0; i < SLOTS; i++)
			if (slots[kind][i] == fd + 1)
				return kind;
	return OTHER;
}

void put_like(struct thread *t, int old, int fd)
{
	put(t, kind_of(old), fd);
}

static void empty(atomic_int *slot)
{
	int old = atomic_exchange(slot, 0);

	if (old)
		close(old - 1);
}

void close_one(struct thread *t)
{
	enum kind kind = below(&t->random, KINDS);

	empty(&slots[kind][below(&t->random, SLOTS)]);
}

/*
 * A fence of sw_sync. That takes a fence whose last reference is just going for one that is
 * there, so each is kept until it has signalled, and one thread at a time makes them.
 */
#define KEPT 8

static pthread_mutex_t foreign_lock = PTHREAD_MUTEX_INITIALIZER;
static int foreign_timeline = -1, kept[KEPT];
static uint32_t made;

static void increment(uint32_t by)
{
	ioctl(foreign_timeline, VFENCE_IOC_SW_SYNC_INC, &by);
}

static int foreign_fence(struct thread *t)
{
	struct vfence_sw_sync_create c = { .fence = -1 };
	int fd, copy, *oldest;

	if (t->is_child || pthread_mutex_trylock(&foreign_lock))
		return -1;
	oldest = &kept[made % KEPT];
	if (foreign_timeline < 0)
		foreign_timeline = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
	if (*oldest) {
		increment(1);
		close(*oldest);
		*oldest = 0;
	}
	c.value = made + 1;
	ioctl(foreign_timeline, VFENCE_IOC_SW_SYNC_CREATE, &c);
	fd = c.fence;
	copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy >= 0)
		*oldest = copy;
	/* Without another descriptor, this one is not used. */
	if (fd >= 0 && copy < 0) {
		increment(KEPT);
		close(fd);
		fd = -1;
	}
	made += fd >= 0;
	pthread_mutex_unlock(&foreign_lock);
	return fd;
}

/* All of the pool, and those. */
void close_all(struct thread *t)
{
	for (int kind = 0; kind < KINDS; kind++)
		for (int i = 0; i < SLOTS; i++)
			empty(&slots[kind][i]);
	if (t->is_child)
		return;
	pthread_mutex_lock(&foreign_lock);
	if (foreign_timeline >= 0)
		increment(KEPT);
	for (int i = 0; i < KEPT; i++) {
		if (kept[i])
			close(kept[i]);
		kept[i] = 0;
	}
	if (foreign_timeline >= 0)
		close(foreign_timeline);
	foreign_timeline = -1;
	made = 0;
	pthread_mutex_unlock(&foreign_lock);
}

static int open_timeline(struct thread *t)
{
	static const char *const paths[] = { "/dev/vfence", "/dev/vfence", "/dev/sw_sync" };
	int fd = open(paths[below(&t->random, 3)],
		      (one_in(&t->random, 4) ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd >= 0 && one_in(&t->random, 2))
		ioctl(fd, VFENCE_IOC_SETUP, &(struct vfence_setup){
			.kind = VFENCE_KIND_ORDERED + below(&t->random, 3) });
	return fd;
}

void open_one(struct thread *t, enum kind of)
{
	int fd = -1;

	if (is_quiet)
		return;
	switch (of) {
	case TIMELINE:
		fd = open_timeline(t);
		break;
	case FENCE:
		fd = foreign_fence(t);
		break;
	case BUFFER:
		fd = buffer();
		break;
	default:
		fd = open(files[below(&t->random, 3)], O_RDONLY | O_CLOEXEC);
	}
	put(t, of, fd);
}
