// SPDX-License-Identifier: GPL-2.0

/*
 * vgpu once more, in C: what rust/vgpu is compared with. To user space it is the same driver.
 *
 * Its fences have no .release, so that they outlive the module, and all that a job takes is
 * there before its fence is published.
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

static unsigned int timeout_ms = 10000;
module_param(timeout_ms, uint, 0444);
MODULE_PARM_DESC(timeout_ms, "How long a job may run, in ms, before its ring is reset");

static struct workqueue_struct *cgpu_wq, *cgpu_cleanup_wq;

struct cgpu_job {
	struct list_head link;
	struct cgpu_ring *ring;
	struct dma_fence *fence;
	/* what it waits for, and a callback on that, which queues the ring's work */
	struct dma_fence *deps;
	struct dma_fence_cb cb;
	/* those whose errors are passed on */
	struct dma_fence **errors;
	u32 error_count;
	u64 delay_ns;
	int result;
	bool hangs;
	struct drm_gem_object **objs;
	u32 obj_count;
};

struct cgpu_ring {
	const struct dma_fence_ops *ops;
	u64 context, slowness;
	u32 depth;
	/* order of publication and of the list of jobs */
	struct mutex submission;
	u64 seqno;
	/* the rest */
	spinlock_t lock;
	struct list_head waiting, running, done;
	u32 in_flight;
	bool dead, reset;
	ktime_t first_since;
	struct delayed_work look;
	struct work_struct reap;
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
	kfree(job);
}

static void ring_reap(struct work_struct *work)
{
	struct cgpu_ring *ring = container_of(work, struct cgpu_ring, reap);
	struct cgpu_job *job, *next;
	LIST_HEAD(done);

	spin_lock_irq(&ring->lock);
	list_splice_init(&ring->done, &done);
	spin_unlock_irq(&ring->lock);
	list_for_each_entry_safe(job, next, &done, link)
		free_job(job, true);
}

static void complete_job(struct cgpu_job *job, int error)
{
	if (error)
		dma_fence_set_error(job->fence, error);
	dma_fence_signal(job->fence);
}

static void retire(struct cgpu_ring *ring, struct list_head *jobs)
{
	spin_lock_irq(&ring->lock);
	list_splice_tail_init(jobs, &ring->done);
	spin_unlock_irq(&ring->lock);
	queue_work(cgpu_cleanup_wq, &ring->reap);
}

/* With the lock held. */
static void begin_job(struct cgpu_ring *ring, struct cgpu_job *job)
{
	if (!job->hangs)
		hrtimer_start(&ring->timer, ns_to_ktime(job->delay_ns * ring->slowness),
			      HRTIMER_MODE_REL);
}

/* The interrupt: the first job that runs is done. */
static enum hrtimer_restart ring_alarm(struct hrtimer *timer)
{
	struct cgpu_ring *ring = container_of(timer, struct cgpu_ring, timer);
	struct cgpu_job *job, *next = NULL;
	unsigned long flags;
	bool cookie = dma_fence_begin_signalling();

	spin_lock_irqsave(&ring->lock, flags);
	job = list_first_entry_or_null(&ring->running, struct cgpu_job, link);
	if (job) {
		list_del(&job->link);
		ring->in_flight--;
		ring->first_since = ktime_get();
		next = list_first_entry_or_null(&ring->running, struct cgpu_job, link);
	}
	if (next)
		begin_job(ring, next);
	spin_unlock_irqrestore(&ring->lock, flags);
	if (job) {
		complete_job(job, job->result);
		spin_lock_irqsave(&ring->lock, flags);
		list_add_tail(&job->link, &ring->done);
		if (!ring->dead) {
			if (!list_empty(&ring->waiting))
				mod_delayed_work(cgpu_wq, &ring->look, 0);
			queue_work(cgpu_cleanup_wq, &ring->reap);
		}
		spin_unlock_irqrestore(&ring->lock, flags);
	}
	dma_fence_end_signalling(cookie);
	return HRTIMER_NORESTART;
}

static void reset_ring(struct cgpu_ring *ring, int first, int rest)
{
	struct cgpu_job *job;
	LIST_HEAD(running);

	hrtimer_cancel(&ring->timer);
	spin_lock_irq(&ring->lock);
	list_splice_init(&ring->running, &running);
	ring->in_flight = 0;
	spin_unlock_irq(&ring->lock);
	list_for_each_entry(job, &running, link) {
		complete_job(job, first);
		first = rest;
	}
	retire(ring, &running);
}

static int passed_error(struct cgpu_job *job)
{
	u32 i;

	for (i = 0; i < job->error_count; i++) {
		int status = dma_fence_get_status(job->errors[i]);

		if (status < 0)
			return status;
	}
	return 0;
}

/* Runs what can run. */
static void ring_look(struct work_struct *work)
{
	struct cgpu_ring *ring = container_of(work, struct cgpu_ring, look.work);
	bool cookie = dma_fence_begin_signalling();
	struct cgpu_job *job;
	s64 left;
	int error;

	for (;;) {
		spin_lock_irq(&ring->lock);
		if (ring->dead)
			break;
		if (ring->reset) {
			ring->reset = false;
			spin_unlock_irq(&ring->lock);
			reset_ring(ring, -EIO, -EIO);
			continue;
		}
		job = list_first_entry_or_null(&ring->waiting, struct cgpu_job, link);
		if (job && ring->in_flight < ring->depth &&
		    (!job->deps || dma_fence_test_signaled_flag(job->deps))) {
			error = passed_error(job);
			if (error && !ring->in_flight) {
				LIST_HEAD(failed);

				list_move(&job->link, &failed);
				spin_unlock_irq(&ring->lock);
				complete_job(job, error);
				retire(ring, &failed);
				continue;
			}
			/* In its turn; the interrupt of the job before has it looked at again. */
			if (error)
				break;
			list_move_tail(&job->link, &ring->running);
			if (!ring->in_flight++) {
				ring->first_since = ktime_get();
				begin_job(ring, job);
			}
			spin_unlock_irq(&ring->lock);
			continue;
		}
		if (!ring->in_flight)
			break;
		left = ktime_ms_delta(ktime_add_ms(ring->first_since, timeout_ms), ktime_get());
		if (left > 0) {
			queue_delayed_work(cgpu_wq, &ring->look, msecs_to_jiffies(left) + 1);
			break;
		}
		spin_unlock_irq(&ring->lock);
		reset_ring(ring, -ETIME, -ECANCELED);
	}
	spin_unlock_irq(&ring->lock);
	dma_fence_end_signalling(cookie);
}

static void dep_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct cgpu_job *job = container_of(cb, struct cgpu_job, cb);

	mod_delayed_work(cgpu_wq, &job->ring->look, 0);
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
	INIT_LIST_HEAD(&ring->done);
	INIT_DELAYED_WORK(&ring->look, ring_look);
	INIT_WORK(&ring->reap, ring_reap);
	hrtimer_setup(&ring->timer, ring_alarm, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
}

static void ring_fini(struct cgpu_ring *ring)
{
	struct cgpu_job *job;
	LIST_HEAD(jobs);

	spin_lock_irq(&ring->lock);
	ring->dead = true;
	spin_unlock_irq(&ring->lock);
	cancel_delayed_work_sync(&ring->look);
	hrtimer_cancel(&ring->timer);
	list_splice_tail_init(&ring->running, &jobs);
	list_splice_tail_init(&ring->waiting, &jobs);
	list_for_each_entry(job, &jobs, link)
		complete_job(job, -ECANCELED);
	cancel_work_sync(&ring->reap);
	list_splice_tail_init(&jobs, &ring->done);
	ring_reap(&ring->reap);
	/* A dependency may have queued it until its callback was removed. */
	cancel_delayed_work_sync(&ring->look);
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

	if (args->pad || args->ring >= ARRAY_SIZE(client->rings))
		return -EINVAL;
	ring = &client->rings[args->ring];
	spin_lock_irq(&ring->lock);
	ring->reset = true;
	spin_unlock_irq(&ring->lock);
	mod_delayed_work(cgpu_wq, &ring->look, 0);
	flush_delayed_work(&ring->look);
	return 0;
}

/* A submission, as long as it can fail. */
struct submit {
	struct drm_vgpu_bo *bos;
	struct drm_vgpu_sync *in, *out;
	struct output {
		struct drm_syncobj *syncobj;
		struct dma_fence_chain *link;
	} *outputs;
	struct dma_fence **deps;
	u32 dep_count, dep_room;
};

/* Takes the reference over. */
static int add_dep(struct submit *s, struct dma_fence *fence)
{
	if (s->dep_count == s->dep_room) {
		u32 room = s->dep_room ? 2 * s->dep_room : 8;
		struct dma_fence **deps = kvrealloc(s->deps, room * sizeof(*deps), GFP_KERNEL);

		if (!deps) {
			dma_fence_put(fence);
			return -ENOMEM;
		}
		s->deps = deps;
		s->dep_room = room;
	}
	s->deps[s->dep_count++] = fence;
	return 0;
}

static int add_resv_deps(struct submit *s, struct dma_resv *resv, u32 flags)
{
	enum dma_resv_usage usage = flags & VGPU_BO_EXPLICIT ? DMA_RESV_USAGE_KERNEL :
		dma_resv_usage_rw(flags & VGPU_BO_WRITE);
	struct dma_resv_iter iter;
	struct dma_fence *fence;
	int ret;

	dma_resv_for_each_fence(&iter, resv, usage, fence) {
		ret = add_dep(s, dma_fence_get(fence));
		if (ret)
			return ret;
	}
	return 0;
}

/* One fence for all, so that one callback is enough. */
static int merge_deps(struct submit *s, struct cgpu_job *job, bool pass_errors)
{
	u32 i;

	if (!s->dep_count)
		return 0;
	job->deps = dma_fence_get(s->deps[0]);
	for (i = 1; i < s->dep_count; i++) {
		struct dma_fence *merged = dma_fence_unwrap_merge(job->deps, s->deps[i]);

		if (!merged)
			return -ENOMEM;
		dma_fence_put(job->deps);
		job->deps = merged;
	}
	if (pass_errors) {
		job->errors = s->deps;
		job->error_count = s->dep_count;
		s->deps = NULL;
		s->dep_count = 0;
	}
	return 0;
}

static int read_syncs(struct submit *s, struct drm_vgpu_submit *args, struct drm_file *file)
{
	struct dma_fence *fence;
	u32 i;
	int ret;

	for (i = 0; i < args->in_count; i++) {
		if (s->in[i].flags & ~VGPU_SYNC_WAIT_FOR_SUBMIT)
			return -EINVAL;
		ret = drm_syncobj_find_fence(file, s->in[i].handle, s->in[i].point,
					     s->in[i].flags ?
					     DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT : 0, &fence);
		ret = ret ?: add_dep(s, fence);
		if (ret)
			return ret;
	}
	for (i = 0; i < args->out_count; i++) {
		if (s->out[i].flags)
			return -EINVAL;
		s->outputs[i].syncobj = drm_syncobj_find(file, s->out[i].handle);
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

static int read_bos(struct submit *s, struct drm_vgpu_submit *args, struct drm_file *file,
		    struct cgpu_job *job)
{
	for (; job->obj_count < args->bo_count; job->obj_count++) {
		struct drm_vgpu_bo *bo = &s->bos[job->obj_count];

		if (bo->flags & ~(VGPU_BO_WRITE | VGPU_BO_EXPLICIT))
			return -EINVAL;
		job->objs[job->obj_count] = drm_gem_object_lookup(file, bo->handle);
		if (!job->objs[job->obj_count])
			return -ENOENT;
	}
	return 0;
}

/* Nothing fails in here. */
static void publish(struct submit *s, struct drm_vgpu_submit *args, struct cgpu_job *job,
		    struct drm_exec *exec)
{
	struct cgpu_ring *ring = job->ring;
	bool cookie = dma_fence_begin_signalling();
	u32 i;

	args->seqno = ++ring->seqno;
	dma_fence_init64(job->fence, ring->ops, NULL, ring->context, ring->seqno);
	for (i = 0; i < job->obj_count; i++)
		dma_resv_add_fence(job->objs[i]->resv, job->fence,
				   s->bos[i].flags & VGPU_BO_EXPLICIT ? DMA_RESV_USAGE_BOOKKEEP :
				   s->bos[i].flags & VGPU_BO_WRITE ? DMA_RESV_USAGE_WRITE :
				   DMA_RESV_USAGE_READ);
	drm_exec_fini(exec);
	for (i = 0; i < args->out_count; i++) {
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
	spin_unlock_irq(&ring->lock);
	mod_delayed_work(cgpu_wq, &ring->look, 0);
	dma_fence_end_signalling(cookie);
}

/* Locks the buffers, and publishes the job. */
static int lock_and_publish(struct submit *s, struct drm_vgpu_submit *args, struct cgpu_job *job)
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
	ret = ret ?: merge_deps(s, job, args->flags & VGPU_SUBMIT_PASS_ERRORS);
	if (ret)
		goto err;
	publish(s, args, job, &exec);
	return 0;

err:
	drm_exec_fini(&exec);
	return ret;
}

static int cgpu_submit(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_vgpu_submit *args = data;
	struct cgpu_file *client = file->driver_priv;
	struct submit s = {};
	struct cgpu_job *job;
	u32 i;
	int ret;

	if (args->delay_ns > MAX_DELAY_NS || args->error > 0 || args->error < -MAX_ERRNO ||
	    args->ring >= ARRAY_SIZE(client->rings) ||
	    args->flags & ~(VGPU_SUBMIT_PASS_ERRORS | VGPU_SUBMIT_HANG))
		return -EINVAL;
	if (args->bo_count > MAX_COUNT || args->in_count > MAX_COUNT ||
	    args->out_count > MAX_COUNT)
		return -E2BIG;

	job = kzalloc_obj(*job);
	if (!job)
		return -ENOMEM;
	INIT_LIST_HEAD(&job->cb.node);
	job->ring = &client->rings[args->ring];
	job->delay_ns = args->delay_ns;
	job->result = args->error;
	job->hangs = args->flags & VGPU_SUBMIT_HANG;

	s.bos = vmemdup_array_user(u64_to_user_ptr(args->bos), args->bo_count, sizeof(*s.bos));
	s.in = vmemdup_array_user(u64_to_user_ptr(args->in_syncs), args->in_count, sizeof(*s.in));
	s.out = vmemdup_array_user(u64_to_user_ptr(args->out_syncs), args->out_count,
				   sizeof(*s.out));
	s.outputs = kvzalloc_objs(*s.outputs, args->out_count);
	job->objs = kvzalloc_objs(*job->objs, args->bo_count);
	job->fence = kzalloc_obj(*job->fence);
	ret = IS_ERR(s.bos) ? PTR_ERR(s.bos) : IS_ERR(s.in) ? PTR_ERR(s.in) :
		IS_ERR(s.out) ? PTR_ERR(s.out) :
		s.outputs && job->objs && job->fence ? 0 : -ENOMEM;

	ret = ret ?: read_syncs(&s, args, file);
	ret = ret ?: read_bos(&s, args, file, job);
	if (!ret) {
		mutex_lock(&job->ring->submission);
		ret = lock_and_publish(&s, args, job);
		mutex_unlock(&client->rings[args->ring].submission);
	}
	if (ret)
		free_job(job, false);

	for (i = 0; i < s.dep_count; i++)
		dma_fence_put(s.deps[i]);
	kvfree(s.deps);
	for (i = 0; s.outputs && i < args->out_count; i++) {
		dma_fence_chain_free(s.outputs[i].link);
		if (s.outputs[i].syncobj)
			drm_syncobj_put(s.outputs[i].syncobj);
	}
	kvfree(s.outputs);
	if (!IS_ERR(s.out))
		kvfree(s.out);
	if (!IS_ERR(s.in))
		kvfree(s.in);
	if (!IS_ERR(s.bos))
		kvfree(s.bos);
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
