/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel is told by a file. */
#ifndef DMA_BUF_FILE_H
#define DMA_BUF_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* 0, or -errno. */
static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

#endif /* DMA_BUF_FILE_H */
