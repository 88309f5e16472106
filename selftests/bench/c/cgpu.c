// SPDX-License-Identifier: GPL-2.0

/*
 * vgpu once more, in C: what rust/vgpu is compared with. To user space it is the same driver.
 *
 * Its fences have no .release, so that they outlive the module, and all that a job takes is
 * there before its fence is published.
 *
 * A job goes from a ring's list `waiting` to `running`, when the hardware takes it, and to
 * `finished`, when its fence signals. It leaves `running` at the front only, with the lock held,
 * so the fences signal in the order of submission, whatever completes the jobs.
 */

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_syncobj.h>
#include <drm/drm_utils.h>
#include <drm/vgpu_drm.h>
#include <linux/device/faux.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/dma-resv.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#define MAX_COUNT	1024
#define MAX_DELAY_NS	(60 * NSEC_PER_SEC)
/* On a ring, from their allocation until they are freed. */
#define MAX_JOBS	512

static unsigned int timeout_ms = 10000;
module_param(timeout_ms, uint, 0444);
MODULE_PARM_DESC(timeout_ms, "How long a job may run, in ms, before its ring is reset");

static struct workqueue_struct *cgpu_wq, *cgpu_cleanup_wq;

struct cgpu_job {
	struct list_head link;
	struct cgpu_ring *ring;
	struct dma_fence *fence;
	/* What it waits for, and a callback on that, which queues the ring's work. */
	struct dma_fence *deps;
	struct dma_fence_cb cb;
	/* With PASS_ERRORS: an error of a dependency, and the fences that may have another. */
	int dep_error;
	struct dma_fence **errors;
	u32 error_count;
	u64 delay_ns;
	/* What the fence signals with, once the job is done. */
	int result;
	bool hangs, done;
	struct drm_gem_object **objs;
	u32 obj_count;
};

struct cgpu_ring {
	const struct dma_fence_ops *ops;
	u64 context, slowness;
	u32 depth;
	atomic_t jobs;
	/* Taken with the buffers locked: the jobs wait in the order of their seqnos. */
	struct mutex submission;
	u64 seqno;
	/* Protects the rest. */
	spinlock_t lock;
	struct list_head waiting, running, finished;
	/* The length of `running`. */
	u32 in_flight;
	/* The job that the hardware works on, and since when, in jiffies. */
	struct cgpu_job *first;
	unsigned long since;
	bool dead;
	struct work_struct run, reap;
	struct delayed_work timeout;
	struct hrtimer timer;
};

struct cgpu_file {
	struct cgpu_ring rings[2];
};

static const char *cgpu_driver_name(struct dma_fence *fence)
{
	return "vgpu";
}

static const char *cgpu_fast_name(struct dma_fence *fence)
{
	return "fast";
}

static const char *cgpu_slow_name(struct dma_fence *fence)
{
	return "slow";
}

static const struct dma_fence_ops cgpu_ops[] = {
	{ .get_driver_name = cgpu_driver_name, .get_timeline_name = cgpu_fast_name },
	{ .get_driver_name = cgpu_driver_name, .get_timeline_name = cgpu_slow_name },
};

/* A job whose fence is not published yet has a fence that is not initialised. */
static void free_job(struct cgpu_job *job, bool published)
{
	u32 i;

	if (job->deps) {
		if (published)
			dma_fence_remove_callback(job->deps, &job->cb);
		dma_fence_put(job->deps);
	}
	for (i = 0; i < job->error_count; i++)
		dma_fence_put(job->errors[i]);
	kvfree(job->errors);
	for (i = 0; i < job->obj_count; i++)
		drm_gem_object_put(job->objs[i]);
	kvfree(job->objs);
	if (published)
		dma_fence_put(job->fence);
	else
		kfree(job->fence);
	atomic_dec(&job->ring->jobs);
	kfree(job);
}

static void ring_reap(struct work_struct *work)
{
	struct cgpu_ring *ring = container_of(work, struct cgpu_ring, reap);
	struct cgpu_job *job, *next;
	LIST_HEAD(finished);

	spin_lock_irq(&ring->lock);
	list_splice_init(&ring->finished, &finished);
	spin_unlock_irq(&ring->lock);
	list_for_each_entry_safe(job, next, &finished, link)
		free_job(job, true);
}

static void signal_job(struct cgpu_job *job)
{
	if (job->result)
		dma_fence_set_error(job->fence, job->result);
	dma_fence_signal(job->fence);
}

/*
 * Signals the jobs that are done, up to the first that is not, which the hardware begins with if
 * it has not yet. With the lock held.
 */
static void ring_advance(struct cgpu_ring *ring)
{
	struct cgpu_job *job;

	while ((job = list_first_entry_or_null(&ring->running, struct cgpu_job, link)) &&
	       job->done) {
		signal_job(job);
		ring->in_flight--;
		list_move_tail(&job->link, &ring->finished);
		queue_work(cgpu_cleanup_wq, &ring->reap);
	}
	if (job && job != ring->first) {
		ring->since = jiffies;
		/* If it is pending, it comes early, and is queued again for the rest. */
		queue_delayed_work(cgpu_wq, &ring->timeout, msecs_to_jiffies(timeout_ms));
		if (!job->hangs)
			hrtimer_start(&ring->timer, ns_to_ktime(job->delay_ns * ring->slowness),
				      HRTIMER_MODE_REL);
	}
	ring->first = job;
}

/* The hardware has room. With the lock held. */
static void kick_ring(struct cgpu_ring *ring)
{
	if (!list_empty(&ring->waiting))
		queue_work(cgpu_wq, &ring->run);
}

/* The interrupt: the first job is done. */
static enum hrtimer_restart ring_alarm(struct hrtimer *timer)
{
	struct cgpu_ring *ring = container_of(timer, struct cgpu_ring, timer);
	bool cookie = dma_fence_begin_signalling();
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	ring->first->done = true;
	ring_advance(ring);
	kick_ring(ring);
	spin_unlock_irqrestore(&ring->lock, flags);
	dma_fence_end_signalling(cookie);
	return HRTIMER_NORESTART;
}

/* Fails what the hardware has, after its timer was cancelled. With the lock held. */
static void fail_running(struct cgpu_ring *ring, int first, int rest)
{
	struct cgpu_job *job;

	list_for_each_entry(job, &ring->running, link) {
		if (!job->done)
			job->result = job == ring->first ? first : rest;
		job->done = true;
	}
	ring_advance(ring);
	kick_ring(ring);
}

static void ring_timeout(struct work_struct *work)
{
	struct cgpu_ring *ring = container_of(work, struct cgpu_ring, timeout.work);
	bool cookie = dma_fence_begin_signalling();
	long left;

	spin_lock_irq(&ring->lock);
	left = ring->since + msecs_to_jiffies(timeout_ms) - jiffies;
	/* If the timer's function runs already, the job has just made it. */
	if (ring->first && left <= 0 && hrtimer_try_to_cancel(&ring->timer) >= 0)
		fail_running(ring, -ETIME, -ECANCELED);
	else if (ring->first)
		queue_delayed_work(cgpu_wq, &ring->timeout, max(left, 1));
	spin_unlock_irq(&ring->lock);
	dma_fence_end_signalling(cookie);
}

static bool is_ready(struct cgpu_job *job)
{
	return !job->deps || dma_fence_test_signaled_flag(job->deps);
}

/* The next job, if there is one that can run and room for it. */
static struct cgpu_job *next_job(struct cgpu_ring *ring)
{
	struct cgpu_job *job = NULL;

	spin_lock_irq(&ring->lock);
	if (ring->in_flight < ring->depth && !ring->dead)
		job = list_first_entry_or_null(&ring->waiting, struct cgpu_job, link);
	spin_unlock_irq(&ring->lock);
	return job && is_ready(job) ? job : NULL;
}

static int passed_error(struct cgpu_job *job)
{
	int error = job->dep_error;
	u32 i;

	for (i = 0; i < job->error_count && !error; i++)
		error = min(dma_fence_get_status(job->errors[i]), 0);
	return error;
}

/* Gives jobs to the hardware. One that does not run is done, and signals in its turn. */
static void ring_run(struct work_struct *work)
{
	struct cgpu_ring *ring = container_of(work, struct cgpu_ring, run);
	bool cookie = dma_fence_begin_signalling();
	struct cgpu_job *job;

	while ((job = next_job(ring))) {
		int error = passed_error(job);

		spin_lock_irq(&ring->lock);
		if (error) {
			job->result = error;
			job->done = true;
		}
		list_move_tail(&job->link, &ring->running);
		ring->in_flight++;
		ring_advance(ring);
		spin_unlock_irq(&ring->lock);
	}
	dma_fence_end_signalling(cookie);
}

static void dep_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct cgpu_job *job = container_of(cb, struct cgpu_job, cb);

	queue_work(cgpu_wq, &job->ring->run);
}

static void ring_init(struct cgpu_ring *ring, const struct dma_fence_ops *ops, u32 depth,
		      u64 slowness)
{
	ring->ops = ops;
	ring->context = dma_fence_context_alloc(1);
	ring->depth = depth;
	ring->slowness = slowness;
	mutex_init(&ring->submission);
	spin_lock_init(&ring->lock);
	INIT_LIST_HEAD(&ring->waiting);
	INIT_LIST_HEAD(&ring->running);
	INIT_LIST_HEAD(&ring->finished);
	INIT_WORK(&ring->run, ring_run);
	INIT_WORK(&ring->reap, ring_reap);
	INIT_DELAYED_WORK(&ring->timeout, ring_timeout);
	hrtimer_setup(&ring->timer, ring_alarm, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
}

static void ring_fini(struct cgpu_ring *ring)
{
	struct cgpu_job *job;
	LIST_HEAD(jobs);
	bool cookie;

	spin_lock_irq(&ring->lock);
	ring->dead = true;
	spin_unlock_irq(&ring->lock);
	cancel_work_sync(&ring->run);
	hrtimer_cancel(&ring->timer);
	cancel_delayed_work_sync(&ring->timeout);

	/* No other thread completes a job any more, so the lock is not needed. */
	list_splice_tail_init(&ring->running, &jobs);
	list_splice_tail_init(&ring->waiting, &jobs);
	cookie = dma_fence_begin_signalling();
	list_for_each_entry(job, &jobs, link) {
		if (!job->done)
			job->result = -ECANCELED;
		signal_job(job);
	}
	dma_fence_end_signalling(cookie);
	cancel_work_sync(&ring->reap);
	list_splice_tail_init(&jobs, &ring->finished);
	ring_reap(&ring->reap);
	/* A dependency may have queued it until its callback was removed. */
	cancel_work_sync(&ring->run);
}

static int cgpu_open(struct drm_device *dev, struct drm_file *file)
{
	struct cgpu_file *client = kzalloc_obj(*client);

	if (!client)
		return -ENOMEM;
	ring_init(&client->rings[0], &cgpu_ops[0], 8, 1);
	ring_init(&client->rings[1], &cgpu_ops[1], 1, 4);
	file->driver_priv = client;
	return 0;
}

static void cgpu_postclose(struct drm_device *dev, struct drm_file *file)
{
	struct cgpu_file *client = file->driver_priv;

	ring_fini(&client->rings[0]);
	ring_fini(&client->rings[1]);
	kfree(client);
}

static int cgpu_gem_create(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_vgpu_gem_create *args = data;
	struct drm_gem_shmem_object *shmem;
	int ret;

	if (args->pad || !args->size || args->size > SIZE_MAX - PAGE_SIZE)
		return -EINVAL;
	shmem = drm_gem_shmem_create(dev, args->size);
	if (IS_ERR(shmem))
		return PTR_ERR(shmem);
	ret = drm_gem_handle_create(file, &shmem->base, &args->handle);
	drm_gem_object_put(&shmem->base);
	return ret;
}

static int cgpu_gem_mmap(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_vgpu_gem_mmap *args = data;
	struct drm_gem_object *obj;
	int ret;

	if (args->pad)
		return -EINVAL;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	ret = drm_gem_create_mmap_offset(obj);
	if (!ret)
		args->offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);
	return ret;
}

static int cgpu_gem_wait(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_vgpu_gem_wait *args = data;
	unsigned long timeout = MAX_SCHEDULE_TIMEOUT;
	struct drm_gem_object *obj;
	long ret;

	if (args->flags & ~VGPU_BO_WRITE)
		return -EINVAL;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	if (args->deadline_ns >= 0)
		timeout = drm_timeout_abs_to_jiffies(args->deadline_ns);
	ret = dma_resv_wait_timeout(obj->resv, dma_resv_usage_rw(args->flags & VGPU_BO_WRITE),
				    true, timeout);
	drm_gem_object_put(obj);
	return ret < 0 ? ret : ret ? 0 : -ETIME;
}

static int cgpu_reset(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_vgpu_reset *args = data;
	struct cgpu_file *client = file->driver_priv;
	struct cgpu_ring *ring;
	bool cookie;

	if (args->pad || args->ring >= ARRAY_SIZE(client->rings))
		return -EINVAL;
	ring = &client->rings[args->ring];
	flush_work(&ring->run);
	cookie = dma_fence_begin_signalling();
	spin_lock_irq(&ring->lock);
	/* If the timer's function runs already, it waits for the lock. */
	while (hrtimer_try_to_cancel(&ring->timer) < 0) {
		spin_unlock_irq(&ring->lock);
		hrtimer_cancel(&ring->timer);
		spin_lock_irq(&ring->lock);
	}
	fail_running(ring, -EIO, -EIO);
	spin_unlock_irq(&ring->lock);
	dma_fence_end_signalling(cookie);
	return 0;
}

/* A submission, as long as it can fail. */
struct submit {
	struct drm_vgpu_submit *args;
	struct drm_file *file;
	struct cgpu_ring *ring;
	struct drm_vgpu_bo *bos;
	struct drm_vgpu_sync *in, *out;
	struct output {
		struct drm_syncobj *syncobj;
		struct dma_fence_chain *link;
	} *outputs;
	/* The dependencies that are pending, and an error of one that is not. */
	struct dma_fence **deps;
	u32 dep_count, dep_room;
	int dep_error;
};

static int push_dep(struct submit *s, struct dma_fence *fence)
{
	if (dma_fence_is_signaled(fence)) {
		if (!s->dep_error)
			s->dep_error = min(dma_fence_get_status(fence), 0);
		return 0;
	}
	/* The ring gets its earlier jobs first, and does them in order. */
	if (fence->context == s->ring->context && !(s->args->flags & VGPU_SUBMIT_PASS_ERRORS))
		return 0;
	if (s->dep_count == s->dep_room) {
		u32 room = s->dep_room ? 2 * s->dep_room : 8;
		struct dma_fence **deps = kvrealloc(s->deps, room * sizeof(*deps), GFP_KERNEL);

		if (!deps)
			return -ENOMEM;
		s->deps = deps;
		s->dep_room = room;
	}
	s->deps[s->dep_count++] = dma_fence_get(fence);
	return 0;
}

static int add_dep(struct submit *s, struct dma_fence *fence)
{
	struct dma_fence_unwrap cursor;
	struct dma_fence *leaf;
	int ret = 0;

	if (dma_fence_test_signaled_flag(fence) && !(s->args->flags & VGPU_SUBMIT_PASS_ERRORS))
		return 0;
	/* A link of a chain has neither the context nor the error of its fence. */
	dma_fence_unwrap_for_each(leaf, &cursor, fence) {
		ret = push_dep(s, leaf);
		if (ret) {
			dma_fence_put(cursor.chain);
			break;
		}
	}
	return ret;
}

static int add_resv_deps(struct submit *s, struct dma_resv *resv, u32 flags)
{
	enum dma_resv_usage usage = flags & VGPU_BO_EXPLICIT ? DMA_RESV_USAGE_KERNEL :
		dma_resv_usage_rw(flags & VGPU_BO_WRITE);
	struct dma_resv_iter iter;
	struct dma_fence *fence;
	int ret;

	dma_resv_for_each_fence(&iter, resv, usage, fence) {
		ret = add_dep(s, fence);
		if (ret)
			return ret;
	}
	return 0;
}

/* One fence for all, so that one callback is enough. */
static int merge_deps(struct submit *s, struct cgpu_job *job)
{
	struct dma_fence_unwrap *cursors;

	if (s->dep_count == 1) {
		job->deps = dma_fence_get(s->deps[0]);
	} else if (s->dep_count) {
		cursors = kvmalloc_objs(*cursors, s->dep_count);
		if (cursors)
			job->deps = __dma_fence_unwrap_merge(s->dep_count, s->deps, cursors);
		kvfree(cursors);
		if (!job->deps)
			return -ENOMEM;
	}
	if (s->args->flags & VGPU_SUBMIT_PASS_ERRORS) {
		job->dep_error = s->dep_error;
		job->errors = s->deps;
		job->error_count = s->dep_count;
		s->deps = NULL;
		s->dep_count = 0;
	}
	return 0;
}

static int read_bos(struct submit *s, struct cgpu_job *job)
{
	for (; job->obj_count < s->args->bo_count; job->obj_count++) {
		struct drm_vgpu_bo *bo = &s->bos[job->obj_count];

		if (bo->flags & ~(VGPU_BO_WRITE | VGPU_BO_EXPLICIT))
			return -EINVAL;
		job->objs[job->obj_count] = drm_gem_object_lookup(s->file, bo->handle);
		if (!job->objs[job->obj_count])
			return -ENOENT;
	}
	return 0;
}

static int read_out_syncs(struct submit *s)
{
	u32 i;

	for (i = 0; i < s->args->out_count; i++) {
		if (s->out[i].flags)
			return -EINVAL;
		s->outputs[i].syncobj = drm_syncobj_find(s->file, s->out[i].handle);
		if (!s->outputs[i].syncobj)
			return -ENOENT;
		if (!s->out[i].point)
			continue;
		s->outputs[i].link = dma_fence_chain_alloc();
		if (!s->outputs[i].link)
			return -ENOMEM;
	}
	return 0;
}

static int add_sync(struct submit *s, struct drm_vgpu_sync *sync, u64 flags)
{
	struct dma_fence *fence;
	int ret;

	ret = drm_syncobj_find_fence(s->file, sync->handle, sync->point, flags, &fence);
	if (ret)
		return ret;
	ret = add_dep(s, fence);
	dma_fence_put(fence);
	return ret;
}

/* May wait for user space, after all that can be refused. */
static int read_in_syncs(struct submit *s)
{
	struct drm_vgpu_sync *sync, *end = s->in + s->args->in_count;
	struct drm_syncobj *syncobj;
	int ret;

	for (sync = s->in; sync < end; sync++) {
		if (sync->flags & ~VGPU_SYNC_WAIT_FOR_SUBMIT)
			return -EINVAL;
		if (!sync->flags) {
			ret = add_sync(s, sync, 0);
			if (ret)
				return ret;
			continue;
		}
		syncobj = drm_syncobj_find(s->file, sync->handle);
		if (!syncobj)
			return -ENOENT;
		drm_syncobj_put(syncobj);
	}
	for (sync = s->in; sync < end; sync++) {
		if (!sync->flags)
			continue;
		ret = add_sync(s, sync, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT);
		if (ret)
			return ret;
	}
	return 0;
}

/* Nothing fails in here. */
static void publish(struct submit *s, struct cgpu_job *job, struct drm_exec *exec)
{
	struct cgpu_ring *ring = job->ring;
	bool cookie;
	u32 i;

	mutex_lock(&ring->submission);
	cookie = dma_fence_begin_signalling();
	s->args->seqno = ++ring->seqno;
	dma_fence_init64(job->fence, ring->ops, NULL, ring->context, ring->seqno);
	for (i = 0; i < job->obj_count; i++)
		dma_resv_add_fence(job->objs[i]->resv, job->fence,
				   s->bos[i].flags & VGPU_BO_EXPLICIT ? DMA_RESV_USAGE_BOOKKEEP :
				   s->bos[i].flags & VGPU_BO_WRITE ? DMA_RESV_USAGE_WRITE :
				   DMA_RESV_USAGE_READ);
	drm_exec_fini(exec);
	for (i = 0; i < s->args->out_count; i++) {
		if (s->outputs[i].link)
			drm_syncobj_add_point(s->outputs[i].syncobj, s->outputs[i].link,
					      job->fence, s->out[i].point);
		else
			drm_syncobj_replace_fence(s->outputs[i].syncobj, job->fence);
		s->outputs[i].link = NULL;
	}
	if (job->deps)
		dma_fence_add_callback(job->deps, &job->cb, dep_signalled);
	spin_lock_irq(&ring->lock);
	list_add_tail(&job->link, &ring->waiting);
	/* If it is not ready, the callback has yet to come, and queues the work then. */
	if (ring->in_flight < ring->depth && is_ready(job))
		queue_work(cgpu_wq, &ring->run);
	spin_unlock_irq(&ring->lock);
	dma_fence_end_signalling(cookie);
	mutex_unlock(&ring->submission);
}

/* Locks the buffers, and publishes the job. */
static int lock_and_publish(struct submit *s, struct cgpu_job *job)
{
	struct drm_exec exec;
	u32 i;
	int ret = 0;

	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES,
		      job->obj_count);
	drm_exec_until_all_locked(&exec) {
		ret = 0;
		for (i = 0; i < job->obj_count && !ret; i++)
			/* A duplicate gets a slot of its own. */
			ret = drm_exec_prepare_obj(&exec, job->objs[i], job->obj_count);
		drm_exec_retry_on_contention(&exec);
		if (ret)
			goto err;
	}
	for (i = 0; i < job->obj_count && !ret; i++)
		ret = add_resv_deps(s, job->objs[i]->resv, s->bos[i].flags);
	ret = ret ?: merge_deps(s, job);
	if (ret)
		goto err;
	publish(s, job, &exec);
	return 0;

err:
	drm_exec_fini(&exec);
	return ret;
}

static struct cgpu_job *alloc_job(struct cgpu_ring *ring, struct drm_vgpu_submit *args)
{
	struct cgpu_job *job;

	if (!atomic_add_unless(&ring->jobs, 1, MAX_JOBS))
		return ERR_PTR(-ENOSPC);
	job = kzalloc_obj(*job);
	if (!job) {
		atomic_dec(&ring->jobs);
		return ERR_PTR(-ENOMEM);
	}
	job->ring = ring;
	job->delay_ns = args->delay_ns;
	job->result = args->error;
	job->hangs = args->flags & VGPU_SUBMIT_HANG;
	job->fence = kzalloc_obj(*job->fence);
	job->objs = kvzalloc_objs(*job->objs, args->bo_count);
	if (!job->fence || !job->objs) {
		free_job(job, false);
		return ERR_PTR(-ENOMEM);
	}
	return job;
}

static void *read_array(u64 address, u32 count, size_t size)
{
	if (count > MAX_COUNT)
		return ERR_PTR(-E2BIG);
	return vmemdup_array_user(u64_to_user_ptr(address), count, size);
}

static int read_arrays(struct submit *s)
{
	struct drm_vgpu_submit *args = s->args;

	s->bos = read_array(args->bos, args->bo_count, sizeof(*s->bos));
	s->in = read_array(args->in_syncs, args->in_count, sizeof(*s->in));
	s->out = read_array(args->out_syncs, args->out_count, sizeof(*s->out));
	if (IS_ERR(s->bos) || IS_ERR(s->in) || IS_ERR(s->out))
		return PTR_ERR_OR_ZERO(s->bos) ?: PTR_ERR_OR_ZERO(s->in) ?: PTR_ERR(s->out);
	s->outputs = kvzalloc_objs(*s->outputs, args->out_count);
	return s->outputs ? 0 : -ENOMEM;
}

static void free_submit(struct submit *s)
{
	u32 i;

	for (i = 0; i < s->dep_count; i++)
		dma_fence_put(s->deps[i]);
	kvfree(s->deps);
	for (i = 0; s->outputs && i < s->args->out_count; i++) {
		dma_fence_chain_free(s->outputs[i].link);
		if (s->outputs[i].syncobj)
			drm_syncobj_put(s->outputs[i].syncobj);
	}
	kvfree(s->outputs);
	if (!IS_ERR(s->out))
		kvfree(s->out);
	if (!IS_ERR(s->in))
		kvfree(s->in);
	if (!IS_ERR(s->bos))
		kvfree(s->bos);
}

static int cgpu_submit(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_vgpu_submit *args = data;
	struct cgpu_file *client = file->driver_priv;
	struct submit s = { .args = args, .file = file };
	struct cgpu_job *job;
	int ret;

	if (args->delay_ns > MAX_DELAY_NS || args->error > 0 || args->error < -MAX_ERRNO ||
	    args->ring >= ARRAY_SIZE(client->rings) ||
	    args->flags & ~(VGPU_SUBMIT_PASS_ERRORS | VGPU_SUBMIT_HANG))
		return -EINVAL;
	ret = read_arrays(&s);
	if (ret)
		goto out;
	s.ring = &client->rings[args->ring];
	job = alloc_job(s.ring, args);
	if (IS_ERR(job)) {
		ret = PTR_ERR(job);
		goto out;
	}
	ret = read_bos(&s, job);
	ret = ret ?: read_out_syncs(&s);
	ret = ret ?: read_in_syncs(&s);
	ret = ret ?: lock_and_publish(&s, job);
	if (ret)
		free_job(job, false);
out:
	free_submit(&s);
	return ret;
}

static const struct drm_ioctl_desc cgpu_ioctls[] = {
	DRM_IOCTL_DEF_DRV(VGPU_GEM_CREATE, cgpu_gem_create, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VGPU_GEM_MMAP, cgpu_gem_mmap, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VGPU_SUBMIT, cgpu_submit, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VGPU_GEM_WAIT, cgpu_gem_wait, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VGPU_RESET, cgpu_reset, DRM_RENDER_ALLOW),
};

DEFINE_DRM_GEM_FOPS(cgpu_fops);

static const struct drm_driver cgpu_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER | DRIVER_SYNCOBJ | DRIVER_SYNCOBJ_TIMELINE,
	.open = cgpu_open,
	.postclose = cgpu_postclose,
	.ioctls = cgpu_ioctls,
	.num_ioctls = ARRAY_SIZE(cgpu_ioctls),
	.fops = &cgpu_fops,
	.gem_prime_import = drm_gem_shmem_prime_import_no_map,
	.name = "vgpu",
	.desc = "A GPU that is not there",
	.major = 1,
};

static struct faux_device *cgpu_parent;
static struct drm_device *cgpu;

static int __init cgpu_init(void)
{
	int ret = -ENOMEM;

	cgpu_wq = alloc_workqueue("cgpu", WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_HIGHPRI, 0);
	cgpu_cleanup_wq = alloc_workqueue("cgpu_cleanup", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!cgpu_wq || !cgpu_cleanup_wq)
		goto err_wq;
	cgpu_parent = faux_device_create("vgpu", NULL, NULL);
	if (!cgpu_parent) {
		ret = -ENODEV;
		goto err_wq;
	}
	cgpu = drm_dev_alloc(&cgpu_driver, &cgpu_parent->dev);
	if (IS_ERR(cgpu)) {
		ret = PTR_ERR(cgpu);
		goto err_faux;
	}
	ret = drm_dev_register(cgpu, 0);
	if (ret)
		goto err_dev;
	return 0;

err_dev:
	drm_dev_put(cgpu);
err_faux:
	faux_device_destroy(cgpu_parent);
err_wq:
	if (cgpu_cleanup_wq)
		destroy_workqueue(cgpu_cleanup_wq);
	if (cgpu_wq)
		destroy_workqueue(cgpu_wq);
	return ret;
}
module_init(cgpu_init);

static void __exit cgpu_exit(void)
{
	drm_dev_unplug(cgpu);
	drm_dev_put(cgpu);
	faux_device_destroy(cgpu_parent);
	destroy_workqueue(cgpu_cleanup_wq);
	destroy_workqueue(cgpu_wq);
}
module_exit(cgpu_exit);

MODULE_DESCRIPTION("vgpu in C");
MODULE_LICENSE("GPL");
