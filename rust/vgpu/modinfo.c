// SPDX-License-Identifier: GPL-2.0

/* What the module! macro has no field for. */

#include <linux/module.h>

MODULE_VERSION("0.2.0");
