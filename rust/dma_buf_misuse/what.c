// SPDX-License-Identifier: GPL-2.0
/* The module's parameter: the module! macro knows of none that is a text. */

#include <linux/moduleparam.h>

#include "what.h"

static char *what = "";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "which case to run, such as waits::in_a_section");

const char *misuse_what(void)
{
	return what;
}
