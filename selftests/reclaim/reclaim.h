/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DMA_BUF_RECLAIM_H
#define DMA_BUF_RECLAIM_H

#include <linux/types.h>

struct reclaim_shrinker;
struct reclaim_notifier;

/* Whether the current task holds a lock of this name; without lockdep, yes. */
bool reclaim_holds(const char *name);

/* Whether the current task frees memory for others to use. */
bool reclaim_frees(void);

/* Calls @called whenever the kernel wants memory back; NULL was no memory. */
struct reclaim_shrinker *reclaim_shrinker_create(void (*called)(void *data),
						 void *data);
/* It is not called any more then. */
void reclaim_shrinker_destroy(struct reclaim_shrinker *s);

/*
 * Allocates, as anybody may, until @enough or there is no more, and gives it back.
 */
void reclaim_press(bool (*enough)(void *data), void *data);

/*
 * Gives the current KUnit test an address space if it has none, and maps a page into
 * it, which is there then; 0 if that fails.
 */
unsigned long reclaim_map(void);
void reclaim_unmap(unsigned long addr);

/*
 * Calls @called whenever something is to be unmapped from the current task's address
 * space, and may be waited for; NULL if it cannot.
 */
struct reclaim_notifier *reclaim_notifier_create(void (*called)(void *data),
						 void *data);
/* It is not called any more then. */
void reclaim_notifier_destroy(struct reclaim_notifier *n);

#endif
