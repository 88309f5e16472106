# SPDX-License-Identifier: GPL-2.0
#
# For the Kbuild of a driver that uses the dma_buf crate from out of tree:
#
#	obj-m := mygpu.o
#	DMA_BUF_RS ?= /usr/src/dma-buf-rs/$(KERNELRELEASE)
#	include $(DMA_BUF_RS)/source/include/dma_buf.mk
#
# DMA_BUF_RS is where the crate was installed for this kernel (make install) or, if make is
# given that, where it was built: what scripts/modules prints, with or without --library. Every
# Rust file of the directory can then `use dma_buf`, and the driver is rebuilt when the crate is.
#
# A module of several objects has a name that none of these has. One is Rust, with its
# `mod`s in other files; the others are C. In
#
#	mygpu-y := driver.o hardware.o
#	$(call rust-crate-bindings,.,driver)
#
# the second line is for Rust to call C: bindgen makes of bindings.h what driver.rs has in
# include!(env!("CRATE_BINDINGS")), below `use kernel::{bindings::*, ffi}`. Only what
# bindings.params selects is in it: options of bindgen, one a line, such as
# `--allowlist-function mygpu_.*`. rust/dma_buf_misuse does the same.

ifeq ($(wildcard $(DMA_BUF_RS)/rust/dma_buf/libdma_buf.rmeta),)
$(error DMA_BUF_RS=$(DMA_BUF_RS) has no dma_buf crate. Give make what scripts/modules prints, or install it there)
endif

# Kbuild only warns of another C compiler, and does not look at rustc. (There is no
# configuration when make cleans.) GCC's version begins with its name, which may be gcc or gcc-14.
ifdef CONFIG_RUSTC_VERSION_TEXT
dma-buf-nameless = $(foreach word,$(1),$(if $(findstring gcc,$(word)),,$(word)))
dma-buf-built-with := $(CONFIG_RUSTC_VERSION_TEXT) and $(CONFIG_CC_VERSION_TEXT)
dma-buf-compilers := $(shell $(RUSTC) --version) and \
	$(shell LC_ALL=C $(CC) --version | head -n 1)
ifneq ($(call dma-buf-nameless,$(dma-buf-compilers)),$(call dma-buf-nameless,$(dma-buf-built-with)))
$(error The kernel and dma_buf were built with $(dma-buf-built-with), but this make \
uses $(dma-buf-compilers). Give it those, such as by LLVM=1; scripts/toolchain prints all that it takes)
endif
endif

include $(DMA_BUF_RS)/source/rust/bindgen.mk
rustflags-y += -L $(abspath $(DMA_BUF_RS))/rust/dma_buf --extern dma_buf
KBUILD_EXTRA_SYMBOLS += $(abspath $(DMA_BUF_RS))/Module.symvers

# Where the kernel links its C helpers into each Rust object, the library's go
# with them (rust/crate.mk says how). Elsewhere they are functions it exports.
ifdef CONFIG_RUST_INLINE_HELPERS
$(obj)/%.o: private LLVM_LINK := link_with_helpers() { $(LLVM_LINK) "$$@" \
	$(abspath $(DMA_BUF_RS))/rust/dma_buf/helpers/bitcode.bc; }; link_with_helpers
endif
