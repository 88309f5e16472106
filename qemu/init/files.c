// SPDX-License-Identifier: GPL-2.0
/*
 * The files that the host wants back, over a port of their own, one after another.
 *
 * /vm/out has their paths, each ended by a NUL. What is said of each on ctl comes after
 * its bytes: their number, and why there are no more of them if it is not because the
 * file has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm.h"

#define LIST "/vm/out"

static const char *path;
static int file_end;

static int read_error(int fd)
{
	static char buf[64 * 1024];
	ssize_t n, done;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t off = 0; off < n; off += done) {
			done = write(file_end, buf + off, n - off);
			if (done < 0)
				return errno;
		}
	}
	return n < 0 ? errno : 0;
}

/* In a child: it may block. A device may have no end, so it is not read. */
static int copy_file(void)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int error = EOPNOTSUPP;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		error = errno;
	else if (S_ISDIR(st.st_mode))
		error = EISDIR;
	else if (S_ISREG(st.st_mode))
		error = read_error(fd);
	return error;
}

static bool file_sent(void)
{
	stream_fill(&file);
	return file.src < 0 && stream_idle(&file);
}

static void send_file(int index)
{
	unsigned long long before = file.sent;
	int error;
	pid_t pid;

	file_end = pipe_to(&file);
	pid = spawn(copy_file);
	close(file_end);
	error = wait_for(pid);
	while (!settle(file_sent, 60))
		;	/* the host has a limit */
	ctl_say("file %d %llu %s\n", index, file.sent - before,
		error ? strerror(error) : "");
}

void send_files(void)
{
	FILE *f = fopen(LIST, "re");
	char buf[64 * 1024];
	size_t n;
	int index = 0;

	if (!f)
		return;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	buf[n] = '\0';
	fclose(f);
	for (path = buf; path < buf + n; path += strlen(path) + 1)
		send_file(index++);
}
