/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Modules that a test loads and unloads. Their files are in $DMA_BUF_MODULES, or where
 * the program is.
 */
#ifndef DMA_BUF_MODULE_H
#define DMA_BUF_MODULE_H

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The file of a module, which need not exist. */
static inline const char *module_file(const char *name)
{
	static char file[2 * PATH_MAX];
	char program[PATH_MAX] = ".";
	const char *dir = getenv("DMA_BUF_MODULES");
	ssize_t n;

	if (!dir) {
		n = readlink("/proc/self/exe", program, sizeof(program) - 1);
		program[n > 0 ? n : 1] = '\0';
		dir = dirname(program);
	}
	snprintf(file, sizeof(file), "%s/%s.ko", dir, name);
	return file;
}

static inline int has_module(const char *name)
{
	return !access(module_file(name), R_OK);
}

static inline int load_module(const char *name, const char *parameters)
{
	int file = open(module_file(name), O_RDONLY | O_CLOEXEC), high, ret;

	if (file < 0)
		return -errno;
	/* High up, so that the module's descriptors are where they are expected. */
	high = fcntl(file, F_DUPFD_CLOEXEC, 100);
	close(file);
	/* Another thread of a test may have lowered the limit meanwhile: to the kernel, EINVAL. */
	if (high < 0)
		return errno == EINVAL ? -EMFILE : -errno;
	ret = syscall(SYS_finit_module, high, parameters, 0) ? -errno : 0;
	close(high);
	return ret;
}

static inline int unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

#endif /* DMA_BUF_MODULE_H */
