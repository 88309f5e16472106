/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DMA_BUF_RECLAIM_H
#define DMA_BUF_RECLAIM_H

#include <linux/types.h>

struct reclaim_shrinker;
struct reclaim_notifier;

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
