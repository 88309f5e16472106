/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DMA_BUF_FOREIGN_H
#define DMA_BUF_FOREIGN_H

#include <linux/types.h>

struct dma_fence;
struct foreign_device;

/* What foreign_nest() makes; `n` says how deep, how many, or how long. */
enum foreign_shape {
	/* an array in an array in ..., n deep, with a leaf on either side */
	FOREIGN_ARRAYS,
	/* an array of n chains of n links */
	FOREIGN_ARRAY_OF_CHAINS,
	/* a chain of n links with arrays in them, which the kernel allows */
	FOREIGN_CHAIN_OF_ARRAYS,
	/* a chain of n links, which it allows, too */
	FOREIGN_CHAIN,
	/* a link in a link in ..., n deep, each with a link before it */
	FOREIGN_CHAINS,
	/* all of it: an array in a link that comes after an array of chains in ... */
	FOREIGN_MIXED,
	/* an array of n times the same array of n times the same leaf */
	FOREIGN_SAME,
};

struct foreign_device *foreign_create(unsigned int rings);
void foreign_forget_names(struct foreign_device *dev);
void foreign_put(struct foreign_device *dev);
struct dma_fence *foreign_submit(struct foreign_device *dev);
u64 foreign_last(struct foreign_device *dev);
void foreign_signal_up_to(struct foreign_device *dev, u64 number, int error);
long foreign_alive(void);
long foreign_asked(void);

/* These take over the references that they are given; NULL was no memory. */
struct dma_fence *foreign_array(struct dma_fence **members, unsigned int n, u64 context);
struct dma_fence *foreign_link(struct dma_fence *prev, struct dma_fence *fence,
			       u64 seqno);
struct dma_fence *foreign_nest(struct foreign_device *dev,
			       enum foreign_shape shape, unsigned int n);

#endif
