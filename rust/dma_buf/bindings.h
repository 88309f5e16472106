/* SPDX-License-Identifier: GPL-2.0 */

/* bindgen's input: what kernel::bindings lacks. bindings.params selects. */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/sync_file.h>

#include "helpers/helpers.h"
