# SPDX-License-Identifier: GPL-2.0
#
# What the kselftests here have in common, over the kernel's lib.mk. The programs are
# static, to run where there is no library. KSRC_DIR= is the kernel's source, that of
# the running kernel if it is there; headers are those in its usr/include (make headers),
# or where KHDR_INCLUDES= says.

KSRC_DIR ?= $(or $(KSRC),/lib/modules/$(shell uname -r)/source)
ifeq ($(wildcard $(KSRC_DIR)/tools/testing/selftests/lib.mk),)
$(error KSRC_DIR= must name the kernel source, which has tools/testing/selftests/lib.mk)
endif

ROOT := $(realpath $(dir $(lastword $(MAKEFILE_LIST)))..)
OUTPUT ?= $(ROOT)/build/selftests/$(notdir $(CURDIR))

CFLAGS += -O2 -g -Wall -pthread -I$(ROOT)/include/uapi \
	$(addprefix -I$(ROOT)/selftests/,include resv vfence) $(KHDR_INCLUDES)
LDFLAGS += -static -pthread
LOCAL_HDRS += $(wildcard $(ROOT)/selftests/*/*.h $(ROOT)/include/uapi/*/*.h)

include $(KSRC_DIR)/tools/testing/selftests/lib.mk

# lib.mk's own takes rsync, and replaces what is the same.
define INSTALL_SINGLE_RULE
	$(if $(INSTALL_LIST),@mkdir -p $(INSTALL_PATH) && cp -pLu $(INSTALL_LIST) $(INSTALL_PATH)/)
endef

$(shell mkdir -p $(OUTPUT))
