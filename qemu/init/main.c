// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the test guest: mount, load modules, run one command, say how it
 * went, power off.
 *
 * Ports (virtio-serial, by name):
 *   out, err  the command's output, raw
 *   log       every record of the kernel's log, then "kmemleak;..." lines
 *   file      the files that the host wants back, raw, one after another
 *   ctl       lines: hello or unfit WHY, beat MS, start, ended STATUS,
 *             file INDEX BYTES WHY-NOT, end KEY=VALUE...
 *
 * "end" is the last line, and counts the bytes sent over the other ports: the
 * host believes no result without it. Without /vm/argv there is no command but
 * a shell on the console; with /vm/probe the guest only says hello.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "vm.h"

struct stream out = { .src = -1, .port = -1 };
struct stream err = { .src = -1, .port = -1 };
struct stream klog = { .src = -1, .port = -1, .records = true };
struct stream file = { .src = -1, .port = -1 };

static int out_end, err_end;
static char **command;

static void mounts(void)
{
	static const char *const what[][3] = {
		{ "proc", "/proc", "proc" },
		{ "sysfs", "/sys", "sysfs" },
		{ "devtmpfs", "/dev", "devtmpfs" },
		{ "devpts", "/dev/pts", "devpts" },
		{ "tmpfs", "/dev/shm", "tmpfs" },
		{ "tmpfs", "/tmp", "tmpfs" },
		{ "tmpfs", "/run", "tmpfs" },
		{ "debugfs", "/sys/kernel/debug", "debugfs" },
		{ "tracefs", "/sys/kernel/tracing", "tracefs" },
	};

	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		mkdir(what[i][1], 0755);
		mount(what[i][0], what[i][1], what[i][2], 0, NULL);
	}
	chmod("/tmp", 01777);
	chmod("/dev/shm", 01777);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void stdio_from(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY);

	for (int i = 0; i < 3 && fd >= 0; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* /vm/argv: the arguments, each ended by a NUL. */
static char **read_argv(void)
{
	static char buf[128 * 1024];
	static char *argv[4096];
	int fd = open("/vm/argv", O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int argc = 0;

	if (fd < 0)
		return NULL;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	for (char *c = buf; c < buf + n && argc < 4095; c += strlen(c) + 1)
		argv[argc++] = c;
	return argv;
}

/* The command is in the guest, but what the kernel starts to run it is not. */
static void say_what_is_missing(const char *name)
{
	char path[4096], line[256] = "";
	int fd;

	snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/bin/", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, line, sizeof(line) - 1) < 0)
		return;
	if (!strncmp(line, "#!", 2))
		fprintf(stderr, "vm: its interpreter does not run in the guest: %s\n",
			strtok(line + 2, " \t\n"));
	else
		fprintf(stderr, "vm: its dynamic linker is missing in the guest; --bin puts it in\n");
}

static int run_command(void)
{
	/* Nobody types at the console of a guest with a command. */
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int error;

	dup2(null, 0);
	dup2(out_end, 1);
	dup2(err_end, 2);
	execvp(command[0], command);
	error = errno;
	fprintf(stderr, "vm: %s: %s\n", command[0], strerror(error));
	if (error != ENOENT)
		return 126;
	say_what_is_missing(command[0]);
	return 127;
}

/*
 * When the leader of a session ends, its terminal hangs up, and what has not been
 * transmitted is lost: so the leader is not the shell, and waits until it has been.
 */
static int run_shell(void)
{
	static const int of_terminal[] = { SIGINT, SIGQUIT, SIGTSTP, SIGTTOU };
	int status = 127 << 8;
	pid_t pid;

	setsid();
	stdio_from("/dev/console");
	stdio_from(CONSOLE);
	ioctl(0, TIOCSCTTY, 1);
	pid = fork();
	if (!pid) {
		execl("/bin/sh", "-sh", NULL);
		_exit(127);
	}
	for (size_t i = 0; i < sizeof(of_terminal) / sizeof(*of_terminal); i++)
		signal(of_terminal[i], SIG_IGN);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	tcdrain(1);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_loader(void)
{
	dup2(err_end, 2);
	return load_modules();
}

static void power_off(void)
{
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);	/* the host runs QEMU with -no-reboot */
	for (;;)
		pause();
}

/* The command, its left-over children, and what they have said and made until then. */
static int run(void)
{
	pid_t pid;
	int status;

	ctl_say("start\n");
	pid = spawn(command ? run_command : run_shell);
	close(out_end);
	close(err_end);
	status = wait_for(pid);
	ctl_say("ended %d\n", status);
	kill(-1, SIGKILL);
	if (!settle(no_children, 10))
		ctl_say("note a process of the command cannot be killed\n");
	settle(all_sent, 60);
	send_files();
	return status;
}

int main(void)
{
	struct sched_param rt = { .sched_priority = 1 };
	unsigned long taint;
	const char *why;
	int locks, load, status = -1, scan;

	mounts();
	stdio_from("/dev/console");
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "linux", 0);
	setenv("PS1", "guest:\\w# ", 1);
	/* However busy the command keeps the guest, it is alive. */
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &rt);

	klog.src = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	out.port = port_open("out");
	err.port = port_open("err");
	klog.port = port_open("log");
	file.port = port_open("file");
	if (ctl_open() || out.port < 0 || err.port < 0 || klog.port < 0 ||
	    file.port < 0 || klog.src < 0) {
		fprintf(stderr, "vm: no virtio-serial port or no /dev/kmsg\n");
		power_off();
	}
	why = unfit();
	if (why) {
		ctl_say("unfit %s\n", why);
		power_off();
	}
	taint = read_taint();
	locks = read_debug_locks();
	ctl_say("hello taint=%lu debug_locks=%d\n", taint, locks);
	if (!access("/vm/probe", F_OK))
		power_off();

	out_end = pipe_to(&out);
	err_end = pipe_to(&err);
	command = read_argv();
	load = wait_for(spawn(run_loader));
	if (!load)
		status = run();
	/* A command that failed may have left anything behind. */
	if (status)
		unsetenv("vm_leaks");
	scan = wait_for(spawn(find_leaks));
	settle(all_sent, 60);
	send_leaks();
	ctl_say("end status=%d load=%d scan=%d taint=%lu debug_locks=%d lost=%lu out=%llu err=%llu log=%llu file=%llu\n",
		status, load, scan, read_taint(), read_debug_locks(), kmsg_lost,
		out.sent, err.sent, klog.sent, file.sent);
	power_off();
}
