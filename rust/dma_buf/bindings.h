/* SPDX-License-Identifier: GPL-2.0 */

/* bindgen's input: what kernel::bindings lacks. bindings.params selects. */

#include <linux/sync_file.h>

#include "helpers/helpers.h"
