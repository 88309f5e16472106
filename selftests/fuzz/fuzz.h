/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer: threads that do things at random, to descriptors that they share.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "random.h"

#define MAX_THREADS 16

struct thread {
	unsigned int id;
	pthread_t thread;
	struct stream random;
	/* Made by fork(): without the other threads, so it takes none of their locks. */
	bool is_child;
	/* What the header forbids is in the argument, so the ioctl must fail. */
	bool is_forbidden;
	const char *doing;
	unsigned long calls, successes;
	/* By which an allocation of the next ioctl fails, or -1. */
	int faults;
	/* Arguments end before a page that is not there. */
	char *memory;
	/* What KCOV has seen of this thread, or NULL, since the modules were loaded so often. */
	unsigned long *seen, loaded;
};

extern struct thread threads[MAX_THREADS];
extern unsigned int thread_count;

/* Something that must not be; the run fails. */
void complain(struct thread *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern int complaints;

/* pool.c: the descriptors, by what they are */
enum kind { TIMELINE, FENCE, BUFFER, OTHER, KINDS };

/* A descriptor, which another thread may close at any time; -1 if there is none. */
int pick(struct thread *t, enum kind of);
int pick_any(struct thread *t);
/* The pool owns it from then on. */
void put(struct thread *t, enum kind of, int fd);
void put_like(struct thread *t, int old, int fd);
void open_one(struct thread *t, enum kind of);
void close_one(struct thread *t);
void close_all(struct thread *t);
/* While this is set, nothing of the device is opened. */
extern atomic_bool is_quiet;

/* calls.c: ioctls */
void call_once(struct thread *t);
void call_often(struct thread *t);
void make_memory(struct thread *t);

/* acts.c: all else, and ioctls */
void act(struct thread *t);
void prepare_acts(void);
void end_acts(void);

/* What vfence is loaded with: low limits, so that they are reached. */
extern const char *const parameters;
int reload(void);

/* coverage.c: what of the modules has run, if they are built for KCOV */
void coverage_begin(struct thread *t);
void coverage_take(struct thread *t);
void coverage_modules(void);
void coverage_write(void);

#endif
