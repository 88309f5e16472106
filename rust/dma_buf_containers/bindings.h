/* SPDX-License-Identifier: GPL-2.0 */

/* bindgen's input: the foreign driver. bindings.params selects. */

#include "../../selftests/containers/foreign.h"
