/* SPDX-License-Identifier: GPL-2.0 */

/* bindgen's input: the parameter, and the foreign driver. bindings.params selects. */

#include "../../selftests/containers/foreign.h"
#include "what.h"
