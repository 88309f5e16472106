// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-serial ports: finding them without udev, and copying to them.
 *
 * The command's output goes through a pipe and not straight to its port: a
 * port can be opened once only, so `echo x > /dev/stderr` would fail there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define CLASS "/sys/class/virtio-ports"

static bool named(const char *dev, const char *want)
{
	char path[300], name[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), CLASS "/%s/name", dev);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, name, sizeof(name) - 1);
	close(fd);
	if (n <= 0)
		return false;
	name[n] = '\0';
	name[strcspn(name, "\n")] = '\0';
	return !strcmp(name, want);
}

static int try_open(const char *want)
{
	char path[300];
	struct dirent *e;
	int fd = -1;
	DIR *d = opendir(CLASS);

	if (!d)
		return -1;
	while (fd < 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.' || !named(e->d_name, want))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	closedir(d);
	return fd;
}

/* The host announces the ports by message, so they may take a moment. */
int port_open(const char *name)
{
	int fd = -1;

	for (int i = 0; i < 1000 && fd < 0; i++) {
		fd = try_open(name);
		if (fd < 0)
			usleep(10 * 1000);
	}
	return fd;
}

/* The end to write to; -1 if there is no pipe to be had. */
int pipe_to(struct stream *s)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return -1;
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	s->src = p[0];
	return p[1];
}

void stream_fill(struct stream *s)
{
	ssize_t n;

	if (s->src < 0 || !stream_idle(s))
		return;
	s->off = 0;
	s->len = 0;
	if (s->records) {
		s->len = kmsg_read(s->src, s->buf, sizeof(s->buf));
		return;
	}
	n = read(s->src, s->buf, sizeof(s->buf));
	if (n > 0) {
		s->len = n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(s->src);
		s->src = -1;
	}
}

void stream_flush(struct stream *s)
{
	while (!stream_idle(s)) {
		ssize_t n = write(s->port, s->buf + s->off, s->len - s->off);

		if (n <= 0)	/* full, or short of memory: poll() says when */
			return;
		s->off += n;
		s->sent += n;
	}
}
