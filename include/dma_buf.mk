# SPDX-License-Identifier: GPL-2.0
#
# For the Kbuild of a driver that uses the dma_buf crate from out of tree:
#
#	obj-m := mygpu.o
#	include $(DMA_BUF_RS)/source/include/dma_buf.mk
#
# DMA_BUF_RS is where the crate's modules were built for the same kernel: what
# scripts/modules prints. Every Rust file of the directory can then `use dma_buf`,
# and the driver is rebuilt when the crate is.

ifeq ($(wildcard $(DMA_BUF_RS)/rust/dma_buf/libdma_buf.rmeta),)
$(error DMA_BUF_RS=$(DMA_BUF_RS) has no built dma_buf crate. Give what scripts/modules prints)
endif

rustflags-y += -L $(abspath $(DMA_BUF_RS))/rust/dma_buf --extern dma_buf
KBUILD_EXTRA_SYMBOLS += $(abspath $(DMA_BUF_RS))/Module.symvers

# Where the kernel links its C helpers into each Rust object, the library's go
# with them (rust/crate.mk says how). Elsewhere they are functions it exports.
ifdef CONFIG_RUST_INLINE_HELPERS
$(obj)/%.o: private LLVM_LINK := link_with_helpers() { $(LLVM_LINK) "$$@" \
	$(abspath $(DMA_BUF_RS))/rust/dma_buf/helpers/bitcode.bc; }; link_with_helpers
endif
