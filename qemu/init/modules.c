// SPDX-License-Identifier: GPL-2.0
/*
 * Loading the modules the host has put in, and unloading them again.
 *
 * /vm/modules has one line per module, "path" or "path parameters", in an order
 * in which they can be loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm.h"

#define LIST "/vm/modules"
#define MAX 64

static char *lines[MAX];

static int read_list(void)
{
	FILE *f = fopen(LIST, "re");
	size_t size = 0;
	int n = 0;

	if (!f)
		return 0;
	while (n < MAX && getline(&lines[n], &size, f) > 0) {
		lines[n][strcspn(lines[n], "\n")] = '\0';
		size = 0;
		n++;
	}
	fclose(f);
	return n;
}

int load_modules(void)
{
	int n = read_list();

	for (int i = 0; i < n; i++) {
		char *params = strchr(lines[i], ' ');
		int fd, ret;

		if (params)
			*params++ = '\0';
		fd = open(lines[i], O_RDONLY | O_CLOEXEC);
		ret = fd < 0 ? -1 : syscall(SYS_finit_module, fd, params ?: "", 0);
		if (ret < 0) {
			fprintf(stderr, "vm: %s does not load: %s\n",
				strrchr(lines[i], '/') + 1, strerror(errno));
			return 1;
		}
		close(fd);
	}
	return 0;
}

/*
 * A module's exit is judged like the rest of it. One that refuses to go (a
 * library that stays for what outlives it) is not an error.
 */
void unload_modules(void)
{
	for (int n = read_list(); n-- > 0;) {
		char *name = strrchr(lines[n], '/') + 1;

		name[strcspn(name, ".")] = '\0';
		for (char *c = name; *c; c++)
			*c = *c == '-' ? '_' : *c;
		syscall(SYS_delete_module, name, O_NONBLOCK);
	}
}
