// SPDX-License-Identifier: GPL-2.0
/*
 * What a job costs from SUBMIT to its completion, in ns. In a guest whose clock counts
 * instructions (qemu/vm --icount), these are instructions. Prints a line for each kind of job.
 */
#include "vgpu_test.h"

#define ROUNDS 4000
#define MANY 8

/* Of vfence, and how many jobs each of them has had. */
static int timelines[MANY];
static uint64_t jobs;

static void need(int is_so, const char *what)
{
	if (!is_so) {
		perror(what);
		exit(1);
	}
}

/*
 * Submits a job and waits for it: `out` is its out-sync. Returns how long both took, without what
 * it takes to signal all but the last of its in-syncs.
 */
static int64_t run(int dev, struct gpu_job *j, uint32_t out)
{
	int64_t begin = now_ns(), others;

	need(!submit_gpu(dev, j), "submit");
	if (j->in_count) {
		others = now_ns();
		for (int i = 1; i < MANY; i++)
			need(!complete(timelines[i], jobs), "complete");
		begin += now_ns() - others;
		need(!complete(timelines[0], jobs), "complete");
	}
	need(!wait_syncobj(dev, out), "wait");
	return now_ns() - begin;
}

/* The job is to wait for a fence of each timeline. */
static void add_fences(int dev, struct gpu_job *j)
{
	jobs++;
	for (int i = 0; i < MANY; i++) {
		int file = manual(timelines[i]);

		need(file >= 0 && !put_sync_file(dev, j->in[i].handle, file), "fence");
		close(file);
	}
}

static int64_t each(struct gpu_job j)
{
	int dev = vgpu();
	uint32_t out;
	int64_t sum = 0;

	need(dev >= 0, "vgpu");
	out = syncobj(dev);
	j.out[j.out_count++].handle = out;
	for (int i = 0; i < j.bo_count; i++)
		j.bos[i] = (struct drm_vgpu_bo){ bo(dev), VGPU_BO_WRITE };
	for (int i = 0; i < j.in_count; i++)
		j.in[i].handle = syncobj(dev);
	/* The first few warm the allocator up. */
	for (int i = -50; i < ROUNDS; i++) {
		int64_t took;

		if (j.in_count)
			add_fences(dev, &j);
		took = run(dev, &j, out);
		if (i >= 0)
			sum += took;
	}
	close(dev);
	return sum / ROUNDS;
}

int main(void)
{
	for (int i = 0; i < MANY; i++)
		need((timelines[i] = timeline()) >= 0, "vfence");
	printf("submit %ld\n", (long)each((struct gpu_job){}));
	printf("submit_8_buffers %ld\n", (long)each((struct gpu_job){ .bo_count = MANY }));
	printf("submit_8_in_syncs %ld\n", (long)each((struct gpu_job){ .in_count = MANY }));
	return 0;
}
