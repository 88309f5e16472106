// SPDX-License-Identifier: GPL-2.0
/*
 * What of the modules the threads have run, as KCOV sees it: in their own context, and not in
 * interrupts. A file gets a line for each call of KCOV: module, section, and where it is there.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kcov.h>

/* How many addresses KCOV keeps for one act. */
#define SIZE 131072
/* Calls of KCOV, hashed. */
#define TABLE 65536
/* Code of one section is not longer, nor is the number of a section. */
#define OFFSETS 24
#define SECTIONS 16
/* On x86, KCOV notes where the call returns to; what objdump shows is where its operand is. */
#define OPERAND 4

static const char *const modules[] = { "dma_buf_rs", "vfence" };

static atomic_uint_fast64_t table[TABLE];
/* Where the code is, until a module is loaded anew. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct section {
	char name[320];
	uint64_t address;
} sections[SECTIONS];
static int count;
static unsigned long loaded;

void coverage_begin(struct thread *t)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (!ioctl(fd, KCOV_INIT_TRACE, SIZE))
		t->seen = mmap(NULL, SIZE * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED,
			       fd, 0);
	if (t->seen == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
		t->seen = NULL;
	/* The memory keeps it open. */
	close(fd);
}

static void note(uint64_t pc)
{
	uint_fast64_t call = 0, none = 0;
	uint32_t at;

	for (int i = 0; i < count; i++) {
		uint64_t offset = pc - OPERAND - sections[i].address;

		if (offset < 1 << OFFSETS && (!call || offset < call % (1 << OFFSETS)))
			call = (uint64_t)(i + 1) << OFFSETS | offset;
	}
	if (!call)
		return;
	for (at = call % TABLE; table[at] != call; at = (at + 1) % TABLE) {
		none = 0;
		if (atomic_compare_exchange_strong(&table[at], &none, call))
			break;
	}
}

/* After each act, and around the loading of a module. */
void coverage_take(struct thread *t)
{
	if (!t->seen)
		return;
	pthread_rwlock_rdlock(&lock);
	/* Else they are of a module that is gone. */
	if (t->loaded == loaded)
		for (uint64_t i = 1; i <= t->seen[0] && i < SIZE; i++)
			note(t->seen[i]);
	t->loaded = loaded;
	pthread_rwlock_unlock(&lock);
	t->seen[0] = 0;
}

static uint64_t read_address(const char *module, const char *name)
{
	unsigned long long address = 0;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/sections/%s", module, name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llx", &address) != 1)
		address = 0;
	fclose(f);
	return address;
}

static void find_section(const char *module, const char *name)
{
	char both[320];
	int i = 0;

	snprintf(both, sizeof(both), "%s %s", module, name);
	while (i < count && strcmp(sections[i].name, both))
		i++;
	if (i == SECTIONS)
		return;
	if (i == count)
		strcpy(sections[count++].name, both);
	sections[i].address = read_address(module, name);
}

/* To be called when a module has been loaded. */
void coverage_modules(void)
{
	char path[64];

	pthread_rwlock_wrlock(&lock);
	loaded++;
	for (int m = 0; m < 2; m++) {
		struct dirent *entry;
		DIR *dir;

		snprintf(path, sizeof(path), "/sys/module/%s/sections", modules[m]);
		dir = opendir(path);
		while (dir && (entry = readdir(dir)))
			if (!strncmp(entry->d_name, ".text", 5))
				find_section(modules[m], entry->d_name);
		if (dir)
			closedir(dir);
	}
	pthread_rwlock_unlock(&lock);
}

void coverage_write(void)
{
	const char *path = getenv("FUZZ_COVERAGE");
	FILE *f = path && *path ? fopen(path, "we") : NULL;

	if (!f)
		return;
	for (int i = 0; i < TABLE; i++)
		if (table[i])
			fprintf(f, "%s %llx\n", sections[(table[i] >> OFFSETS) - 1].name,
				(unsigned long long)table[i] % (1 << OFFSETS));
	fclose(f);
}
