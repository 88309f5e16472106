/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of vfencectl share. */
#ifndef VFENCECTL_H
#define VFENCECTL_H

#include <stdint.h>

#define MSEC 1000000LL

enum kind { TIMELINE, FENCE };

/* What has been given a name: a descriptor. */
struct item {
	char name[32];
	enum kind kind;
	int fd;
	/* When it was made. */
	long long since;
};

#define MAX_ITEMS 1024
extern struct item items[MAX_ITEMS];
extern int item_count;

/* In ns of CLOCK_MONOTONIC, which is that of fences, too. */
extern long long started;
long long now(void);

/* Ends the program: a command was wrong (status 2), or failed (1). */
void __attribute__((noreturn, format(printf, 1, 2))) wrong(const char *fmt, ...);
void __attribute__((noreturn, format(printf, 1, 2))) failed(const char *fmt, ...);

/* A line of what happens, with the time in front. */
void __attribute__((format(printf, 1, 2))) event(const char *fmt, ...);

/* 1 signalled, 0 pending, or the error it signalled with; and when that was. */
int fence_status(int fd, long long *when);

void show_timeline(const struct item *item);
void show_fence(const struct item *item);
void show_device(void);
void dump(void);
void draw(void);

/* The words of a command; the first one is its name. */
struct words {
	char *word[300];
	int count;
};

void run_command(struct words *words);

/* The next word, or NULL at the end; one that must come; and none. */
char *next(struct words *w, int *at);
char *want(struct words *w, int *at, const char *what);
void no_more(struct words *w, int at);

/* Is the word `key`=TEXT? */
int value(const char *word, const char *key, const char **text);
uint64_t number(const char *text);
/* In ns. */
uint64_t duration(const char *text);
/* Negative. */
int error_code(const char *text);

/* These end the program if there is none, but for find(). */
struct item *find(const char *name);
struct item *add(const char *name, enum kind kind, int fd);
int timeline(const char *name);
struct item *fence(const char *name);
uint32_t fences(const char *list, int *fds);

/* A new file of the device. */
int device(void);
/* An ioctl that must not fail. */
void call(struct words *w, int fd, unsigned long cmd, void *arg);

void create(struct words *w);
void submit(struct words *w);
void create_point(struct words *w);
void merge(struct words *w);
void combine(struct words *w);
void chain(struct words *w);

#endif
