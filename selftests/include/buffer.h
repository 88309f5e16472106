/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A buffer of another driver's, udmabuf, whose size is in whole pages, of whatever size
 * these are.
 */
#ifndef DMA_BUF_BUFFER_H
#define DMA_BUF_BUFFER_H

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/udmabuf.h>

static inline size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* A dma-buf of one page, or -errno. */
static inline int buffer(void)
{
	struct udmabuf_create c = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = page_size() };
	int device, memory, ret;

	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -errno;
	memory = memfd_create("buffer", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	c.memfd = memory;
	if (memory < 0 || ftruncate(memory, c.size) ||
	    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK))
		ret = -errno;
	else
		ret = ioctl(device, UDMABUF_CREATE, &c);
	if (ret == -1)
		ret = -errno;
	if (memory >= 0)
		close(memory);
	close(device);
	return ret;
}

#endif /* DMA_BUF_BUFFER_H */
