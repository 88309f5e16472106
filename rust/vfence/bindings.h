/* SPDX-License-Identifier: GPL-2.0 */

/* bindgen's input: the interface to user space. bindings.params selects. */

#include <uapi/linux/vfence.h>
