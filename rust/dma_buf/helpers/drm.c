// SPDX-License-Identifier: GPL-2.0

#include "helpers.h"

#if IS_BUILTIN(CONFIG_DRM)

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_syncobj.h>

bool dma_buf_rs_drm_file_has_syncobjs(struct drm_file *file)
{
	return drm_core_check_feature(file->minor->dev, DRIVER_SYNCOBJ);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_drm_file_has_syncobjs);

void dma_buf_rs_drm_syncobj_get(struct drm_syncobj *syncobj)
{
	drm_syncobj_get(syncobj);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_drm_syncobj_get);

void dma_buf_rs_drm_syncobj_put(struct drm_syncobj *syncobj)
{
	drm_syncobj_put(syncobj);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_drm_syncobj_put);

struct dma_fence *dma_buf_rs_drm_syncobj_fence_get(struct drm_syncobj *syncobj)
{
	return drm_syncobj_fence_get(syncobj);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_drm_syncobj_fence_get);

#endif
