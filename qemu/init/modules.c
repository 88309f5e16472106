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

/* From "path" or "path parameters", in its place, to the name the kernel knows. */
static char *module_name(char *line)
{
	char *name;

	line[strcspn(line, " ")] = '\0';
	name = strrchr(line, '/') + 1;
	name[strcspn(name, ".")] = '\0';
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return name;
}

/*
 * What the kernel has said last of this module since kmsg was opened; if it has
 * not named it, what it has said last.
 */
static const char *last_word(int kmsg, const char *name)
{
	static char word[1024];
	char record[8192];
	bool named = false;
	ssize_t n;

	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		char *text;

		record[n < 0 ? 0 : n] = '\0';
		record[strcspn(record, "\n")] = '\0';
		text = strchr(record, ';');
		if (!text || (named && !strstr(text, name)))
			continue;
		named = strstr(text, name);
		snprintf(word, sizeof(word), "%s", text + 1);
	}
	return word;
}

static int load_module(char *path)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char *params = strchr(path, ' ');
	int fd, error;
	const char *word;

	if (params)
		*params++ = '\0';
	lseek(kmsg, 0, SEEK_END);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && !syscall(SYS_finit_module, fd, params ?: "", 0)) {
		close(fd);
		close(kmsg);
		return 0;
	}
	error = errno;
	fprintf(stderr, "vm: %s does not load: %s\n", strrchr(path, '/') + 1,
		strerror(error));
	word = last_word(kmsg, module_name(path));
	if (*word)
		fprintf(stderr, "vm: the kernel says: %s\n", word);
	return 1;
}

int load_modules(void)
{
	int n = read_list();

	for (int i = 0; i < n; i++)
		if (load_module(lines[i]))
			return 1;
	return 0;
}

/*
 * A module's exit is judged like the rest of it. One that refuses to go (a
 * library that stays for what outlives it) is not an error.
 */
void unload_modules(void)
{
	for (int n = read_list(); n-- > 0;)
		syscall(SYS_delete_module, module_name(lines[n]), O_NONBLOCK);
}
