// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel's state says about the run, whatever its log says: taint,
 * lockdep's switch, leaked memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define LEAKS "/vm/leaks"

unsigned long read_taint(void)
{
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");
	unsigned long taint = 0;

	if (f) {
		if (fscanf(f, "%lu", &taint) != 1)
			taint = 0;
		fclose(f);
	}
	return taint;
}

/* 1 or 0; -1 on a kernel without lockdep. */
int read_debug_locks(void)
{
	FILE *f = fopen("/proc/lockdep_stats", "re");
	char line[256];
	int on = -1;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " debug_locks: %d", &on) == 1)
			break;
	fclose(f);
	return on;
}

/*
 * On a busy host the kernel may find the local APIC's timer unreliable while it
 * boots, and do without high-resolution timers: then jobs of a millisecond take
 * a tick, and stress tests for ever.
 */
static bool timer_is_poor(void)
{
	struct timespec res;

	/* The switch comes with a tick some time after the clock source. */
	for (int i = 0; i < 100; i++) {
		if (!clock_getres(CLOCK_MONOTONIC, &res) && !res.tv_sec && res.tv_nsec == 1)
			return false;
		usleep(20 * 1000);
	}
	return true;
}

/*
 * What has gone wrong before anything of the user's has run, or NULL. An emulated
 * machine on a busy host does such things now and then, and a boot more helps;
 * vm_last_try on the command line says that it was tried.
 */
const char *unfit(void)
{
	if (getenv("vm_last_try"))
		return NULL;
	/* The taint of a BUG, an Oops or a WARN; lockdep that is off. */
	if (read_taint() & (1 << 5 | 1 << 7 | 1 << 9) || !read_debug_locks())
		return "its kernel complained while it booted";
	if (timer_is_poor())
		return "its timer did not survive the boot";
	return NULL;
}

static bool kmemleak(const char *verb)
{
	int fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, verb, strlen(verb)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool keep_report(const char *mode)
{
	FILE *in = fopen(KMEMLEAK, "re");
	FILE *leaks = fopen(LEAKS, mode);
	char buf[4096];

	if (!in || !leaks)
		return false;
	while (fgets(buf, sizeof(buf), in))
		fputs(buf, leaks);
	fclose(in);
	return !fclose(leaks);
}

/*
 * kmemleak reports no object younger than five seconds, and none whose content
 * has changed since the scan before: hence the sleep and the second scan. That
 * report names the functions of a module as long as it is loaded; the third
 * scan is for what only the data of the modules pointed to. Reports are kept in
 * a file; PID 1 sends it after the last record.
 */
int find_leaks(void)
{
	if (!getenv("vm_leaks")) {
		unload_modules();
		return 0;
	}
	usleep(5200 * 1000);
	if (!kmemleak("scan") || !kmemleak("scan") || !keep_report("we") ||
	    !kmemleak("clear"))
		return 1;
	unload_modules();
	return kmemleak("scan") && keep_report("ae") ? 0 : 1;
}

/* Each line as "kmemleak;text", which no record of the log looks like. */
void send_leaks(void)
{
	FILE *f = fopen(LEAKS, "re");
	char line[1024];

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		klog.off = 0;
		klog.len = snprintf(klog.buf, sizeof(klog.buf), "kmemleak;%s\n",
				    line);
		if (!settle(all_sent, 10))
			break;
	}
	fclose(f);
}
