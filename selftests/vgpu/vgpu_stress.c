// SPDX-License-Identifier: GPL-2.0
/*
 * Thousands of jobs from eight threads, over buffers that they share.
 *
 * checkpatch: MACRO_WITH_FLOW_CONTROL: it ends a thread, as the harness's own end a test
 */
#include "vgpu_test.h"

#define THREADS	8
#define SHARED	4
#define JOBS	400

VGPU_FIXTURE(stress)

struct worker {
	pthread_t thread;
	unsigned int seed;
	int bufs[SHARED], vf, bad;
};

#define OR_BAD(condition) do { if (!(condition)) { w->bad = __LINE__; return NULL; } } while (0)

static void *work(void *arg)
{
	struct worker *w = arg;
	int dev = vgpu(), vf = w->vf;
	uint32_t handles[SHARED], binary, line;
	uint64_t point = 0;

	OR_BAD(dev >= 0);
	binary = syncobj(dev);
	line = syncobj(dev);
	for (int i = 0; i < SHARED; i++)
		handles[i] = import_dmabuf(dev, w->bufs[i]);
	for (int n = 0; n < JOBS; n++) {
		struct gpu_job j = {
			.bo_count = rand_r(&w->seed) % (SHARED + 1), .out_count = 2,
			.ring = rand_r(&w->seed) % 2, .delay_ns = rand_r(&w->seed) % 100000,
			.flags = rand_r(&w->seed) % 2 * VGPU_SUBMIT_PASS_ERRORS,
		};

		for (int i = 0; i < j.bo_count; i++)
			j.bos[i] = (struct drm_vgpu_bo){
				.handle = handles[rand_r(&w->seed) % SHARED],
				.flags = rand_r(&w->seed) % 4,
			};
		j.out[0].handle = binary;
		j.out[1] = (struct drm_vgpu_sync){ .handle = line, .point = ++point };
		if (point > 1 && rand_r(&w->seed) % 2)
			j.in[j.in_count++] = (struct drm_vgpu_sync){
				.handle = line, .point = 1 + rand_r(&w->seed) % (point - 1),
			};
		if (n && rand_r(&w->seed) % 2)
			j.in[j.in_count++].handle = binary;
		if (rand_r(&w->seed) % 16 == 0) {
			int file = timed(vf, rand_r(&w->seed) % 100000);

			j.in[j.in_count++].handle = syncobj_with(dev, file);
			close(file);
		}
		OR_BAD(submit_gpu(dev, &j) == 0);
		if (n % 64 == 63)
			OR_BAD(wait_point(dev, line, point, WAIT_MSEC, 0) == 0);
	}
	/* Some close with jobs left. */
	if (rand_r(&w->seed) % 2)
		OR_BAD(wait_point(dev, line, point, WAIT_MSEC, 0) == 0);
	close(dev);
	return NULL;
}

TEST_F(stress, shared_buffers)
{
	static struct worker workers[THREADS];
	int bufs[SHARED];

	for (int i = 0; i < SHARED; i++) {
		bufs[i] = export_dmabuf(self->dev, bo(self->dev));
		ASSERT_LE(0, bufs[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		memcpy(w->bufs, bufs, sizeof(bufs));
		w->vf = timeline();
		w->seed = i + 1;
		ASSERT_EQ(0, pthread_create(&w->thread, NULL, work, w));
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQ(0, workers[i].bad);
		close(workers[i].vf);
	}
	for (int i = 0; i < SHARED; i++) {
		uint32_t handle = import_dmabuf(self->dev, bufs[i]);

		EXPECT_EQ(0, gem_wait(self->dev, handle, VGPU_BO_WRITE, -1));
		close(bufs[i]);
	}
	release_held();
}

/* Threads of one client, on the same rings. */
static void *same_client(void *arg)
{
	struct worker *w = arg;

	for (int n = 0; n < JOBS; n++) {
		int ret;

		/* A ring that is full has room again when a job is done. */
		while ((ret = gpu(w->vf, .ring = n % 2, .delay_ns = n % 7 * 1000)) == -ENOSPC)
			usleep(1000);
		OR_BAD(ret == 0);
	}
	return NULL;
}

TEST_F(stress, one_client)
{
	static struct worker workers[THREADS];
	int file;

	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .vf = self->dev };
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, same_client, &workers[i]));
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQ(0, workers[i].bad);
	}
	for (uint32_t ring = 0; ring < 2; ring++) {
		struct gpu_job j = { .ring = ring };

		file = gpu_file_job(self->dev, &j);
		EXPECT_EQ(THREADS * JOBS / 2 + 1, j.seqno);
		EXPECT_TRUE(signals(file));
		close(file);
	}
}

TEST_HARNESS_MAIN
