/* SPDX-License-Identifier: GPL-2.0 */

/* bindgen's input: what kernel::bindings lacks. bindings.params selects. */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/sync_file.h>

#include "helpers/helpers.h"

#if IS_BUILTIN(CONFIG_DRM)
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>
#include <drm/drm_syncobj.h>
#endif
