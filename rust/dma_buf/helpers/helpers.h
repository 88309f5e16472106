/* SPDX-License-Identifier: GPL-2.0 */

/*
 * Inline functions and macros that Rust cannot call, a file for each kernel header that they
 * come from; lockdep.c, section.c, module.c and slab.c do more, as they say. The prefix keeps
 * them apart from the kernel's own rust_helper_*.
 */

#ifndef DMA_BUF_RS_HELPERS_H
#define DMA_BUF_RS_HELPERS_H

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/kmemleak.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/ww_mutex.h>

/* dma-buf.c */
void dma_buf_rs_get_dma_buf(struct dma_buf *dmabuf);

/* dma-fence.c */
void dma_buf_rs_dma_fence_get(struct dma_fence *fence);
void dma_buf_rs_dma_fence_put(struct dma_fence *fence);
bool dma_buf_rs_dma_fence_is_array(struct dma_fence *fence);
bool dma_buf_rs_dma_fence_is_chain(struct dma_fence *fence);
bool dma_buf_rs_dma_fence_is_later(struct dma_fence *f1, struct dma_fence *f2);
bool dma_buf_rs_dma_fence_is_signaled(struct dma_fence *fence);
struct dma_fence *dma_buf_rs_dma_fence_get_rcu_safe(struct dma_fence **fencep);
void dma_buf_rs_dma_fence_put_many(struct dma_fence *fence, int count);

/* dma-resv.c */
int dma_buf_rs_dma_resv_lock_interruptible(struct dma_resv *obj,
					   struct ww_acquire_ctx *ctx);
bool dma_buf_rs_dma_resv_trylock(struct dma_resv *obj);
bool dma_buf_rs_dma_resv_is_locked(struct dma_resv *obj);

/* drm.c */
#if IS_BUILTIN(CONFIG_DRM)
struct drm_file;
struct drm_syncobj;

bool dma_buf_rs_drm_file_has_syncobjs(struct drm_file *file);
void dma_buf_rs_drm_syncobj_get(struct drm_syncobj *syncobj);
void dma_buf_rs_drm_syncobj_put(struct drm_syncobj *syncobj);
struct dma_fence *dma_buf_rs_drm_syncobj_fence_get(struct drm_syncobj *syncobj);
#endif

/* irq_work.c */
void dma_buf_rs_init_irq_work(struct irq_work *work,
			      void (*func)(struct irq_work *));
bool dma_buf_rs_irq_work_is_pending(struct irq_work *work);
bool dma_buf_rs_irq_work_is_busy(struct irq_work *work);

/* irqflags.c */
unsigned long dma_buf_rs_local_irq_save(void);
void dma_buf_rs_local_irq_restore(unsigned long flags);

/* kmemleak.c */
void dma_buf_rs_kmemleak_not_leak(const void *ptr);

/* list.c */
void dma_buf_rs_list_del_init(struct list_head *entry);

/* lockdep.c */
void dma_buf_rs_lock_map_init(struct lockdep_map *map, const char *name,
			      struct lock_class_key *key);
bool dma_buf_rs_lock_map_begin(struct lockdep_map *map);
void dma_buf_rs_lock_map_end(struct lockdep_map *map);
void dma_buf_rs_lock_map_wait(struct lockdep_map *map);
void dma_buf_rs_set_lock_class(struct dma_fence *fence,
			       struct lock_class_key *key, const char *name);

/* module.c */
bool dma_buf_rs_within_module(unsigned long addr, const struct module *mod);
bool dma_buf_rs_module_uses(const struct module *mod, const struct module *used);

/* preempt.c */
void dma_buf_rs_preempt_disable(void);
void dma_buf_rs_preempt_enable(void);

/* section.c */
void dma_buf_rs_report_wait_in_section(void);

/* slab.c */
size_t dma_buf_rs_ksize(const void *memory);
void *dma_buf_rs_kmalloc(size_t size, gfp_t flags);
void *dma_buf_rs_kmalloc_pointers(size_t count);

/* ww_mutex.c */
void dma_buf_rs_ww_acquire_init(struct ww_acquire_ctx *ctx);
void dma_buf_rs_ww_acquire_done(struct ww_acquire_ctx *ctx);
void dma_buf_rs_ww_acquire_fini(struct ww_acquire_ctx *ctx);

#endif /* DMA_BUF_RS_HELPERS_H */
