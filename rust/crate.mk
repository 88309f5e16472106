# SPDX-License-Identifier: GPL-2.0
#
# A Rust library crate for other modules, out of tree.
#
# Kbuild has no notion of one: upstream does the same by hand for nova-core and
# calls it a workaround. Everything that may have to change with it is here.

# --- bindgen ------------------------------------------------------------------
# Core types stay kernel::bindings::*, so that a pointer from there and one from
# here are the same type: only what is listed in the parameters is generated
# (--no-recursive-allowlist).
#
# The flags that clang does not know when the kernel is built by GCC are left
# out: bindgen parses with libclang whatever compiles the kernel.
rust-bindgen-c-flags = $(filter-out -fconserve-stack -mrecord-mcount \
	-mindirect-branch=thunk-extern -mindirect-branch-register \
	-mindirect-branch-cs-prefix -mfunction-return=thunk-extern \
	-mpreferred-stack-boundary=% -mskip-rax-setup -mno-fp-ret-in-387 \
	-fno-allow-store-data-races -falign-jumps=% -falign-loops=% \
	-fzero-call-used-regs=% -fmin-function-alignment=% --param=% \
	-fzero-init-padding-bits=% -fsanitize=bounds-strict \
	-fstrict-flex-arrays=% -fdiagnostics-show-context% \
	-fno-partial-inlining -fno-ipa-cp-clone -fno-ipa-sra, $(c_flags))

quiet_cmd_rust_crate_bindgen = BINDGEN $@
      cmd_rust_crate_bindgen = \
	$(BINDGEN) $< $(shell grep -Ev '^\#|^$$' $(<:.h=.params)) \
		--rust-target 1.85 --use-core --with-derive-default \
		--ctypes-prefix ffi --no-layout-tests --no-debug '.*' \
		--no-doc-comments --no-recursive-allowlist \
		-o $@ -- $(rust-bindgen-c-flags) -fno-builtin \
		-D__BINDGEN__ -DMODULE -Wno-unused-command-line-argument

# $(call rust-crate-bindings,DIR,CRATE): DIR/bindings.h and .params become what
# DIR/CRATE.rs includes as env!("CRATE_BINDINGS").
define rust-crate-bindings-rules
$(obj)/$(1)/bindings_generated.rs: $(src)/$(1)/bindings.h $(src)/$(1)/bindings.params FORCE
	$$(call if_changed_dep,rust_crate_bindgen)
targets += $(1)/bindings_generated.rs
$(obj)/$(1)/$(2).o: $(obj)/$(1)/bindings_generated.rs
RUSTFLAGS_$(1)/$(2).o += \
	--env-set CRATE_BINDINGS=$(abspath $(obj))/$(1)/bindings_generated.rs
endef
rust-crate-bindings = $(eval $(call rust-crate-bindings-rules,$(strip $(1)),$(strip $(2))))

# --- helpers, inlined ---------------------------------------------------------
# Where the kernel inlines its helpers into Rust (CONFIG_RUST_INLINE_HELPERS), ours
# are, too: they are compiled to bitcode, and that is linked with an object's own
# next to the kernel's. The command that does it is the kernel's; here, the linker
# that it runs is given one more argument.
ifdef CONFIG_RUST_INLINE_HELPERS
rust-crate-bitcode := rust/dma_buf/helpers/bitcode.bc

quiet_cmd_rust_crate_bitcode = HELPER  $@
      cmd_rust_crate_bitcode = $(CC) $(c_flags) -c -g0 $< -emit-llvm -o $@

$(obj)/$(rust-crate-bitcode): private part-of-module := y
$(obj)/$(rust-crate-bitcode): $(src)/$(rust-crate-bitcode:.bc=.c) FORCE
	$(call if_changed_dep,rust_crate_bitcode)
targets += $(rust-crate-bitcode)

# $(call rust-crate-inline-rules,OBJECT)
define rust-crate-inline-rules
$(obj)/$(1): $(obj)/$(rust-crate-bitcode)
$(obj)/$(1): private LLVM_LINK := link_with_helpers() { \
	$(LLVM_LINK) "$$$$@" $(obj)/$(rust-crate-bitcode); }; link_with_helpers
endef
endif

# --- the library --------------------------------------------------------------
# Every Rust symbol is exported, not only those a consumer of this tree uses:
# what is generic or inline ends up in consumers we have never seen.
#
# What decides a layout goes into the symbol hashes (-Cmetadata): the crate's
# version and sources, the kernel's configuration and the compiler. A consumer
# built against another crate then fails to load, instead of running against it.
rust-crate-version := $(shell sed -n 's/^MODULE_VERSION("\(.*\)");$$/\1/p' $(src)/rust/dma_buf/modinfo.c)
ifdef CONFIG_RUST
rust-crate-version := $(rust-crate-version)-$(shell { \
	(cd $(src)/rust && find crate.mk dma_buf -type f ! -name '*_generated.*' \
		\( -name '*.rs' -o -name '*.[ch]' -o -name '*.params' -o -name '*.mk' \) \
		-exec sha256sum {} + | LC_ALL=C sort); \
	cat $(objtree)/include/config/auto.conf $(objtree)/include/config/kernel.release; \
	$(RUSTC) -vV; } | sha256sum | cut -c1-16)
endif

quiet_cmd_rust_crate_exports = EXPORTS $@
      cmd_rust_crate_exports = \
	$(NM) -p --defined-only $< | awk '$$2 ~ /^[TRDB]$$/ && $$3 ~ /^_R/ && \
		$$3 !~ /__(pfx|cfi|odr_asan)/ && $$3 !~ /_(init|cleanup)_module$$/ && \
		$$3 !~ /___module_init/ && $$3 !~ /kunit/ \
		{ printf "EXPORT_SYMBOL_RUST_GPL(%s);\n", $$3 }' > $@

# $(call rust-crate-library,DIR,CRATE): DIR/CRATE.rs with DIR/exports.c
define rust-crate-library-rules
RUSTFLAGS_$(1)/$(2).o += --emit=metadata=$(obj)/$(1)/lib$(2).rmeta \
	-Cmetadata=$(rust-crate-version)

$(call rust-crate-inline-rules,$(1)/$(2).o)

$(obj)/$(1)/exports_generated.h: $(obj)/$(1)/$(2).o FORCE
	$$(call if_changed,rust_crate_exports)
targets += $(1)/exports_generated.h
$(obj)/$(1)/exports.o: $(obj)/$(1)/exports_generated.h
CFLAGS_$(1)/exports.o += -I $(obj)/$(1)

ifdef CONFIG_MODVERSIONS
# The shim declares Rust symbols as `extern int`: without this every one of them
# would get the CRC of an int. The list comes from the shim, the types from the
# Rust object.
$(obj)/$(1)/exports.o: private cmd_gensymtypes_c = \
	$$(call getexportsymbols,\1) | \
	$$(objtree)/scripts/gendwarfksyms/gendwarfksyms \
		$$(if $$(KBUILD_GENDWARFKSYMS_STABLE), --stable) \
		$$(if $$(KBUILD_SYMTYPES), --symtypes $$(@:.o=.symtypes),) \
		$(obj)/$(1)/$(2).o
endif
endef
rust-crate-library = $(eval $(call rust-crate-library-rules,$(strip $(1)),$(strip $(2))))

# --- examples -------------------------------------------------------------------
# $(call rust-crate-doctests,DIR,CRATE,LIBRARY): the examples in the docs of the crate
# in the directory LIBRARY become what DIR/CRATE.rs includes as env!("CRATE_DOCTESTS").
quiet_cmd_rust_crate_doctests = DOCTEST $@
      cmd_rust_crate_doctests = rm -rf $(@D)/doctests; mkdir $(@D)/doctests; \
	$(AWK) -v root=$(src)/ -v crate=$(DOCTESTS_OF)/ -v out=$(abspath $(@D))/doctests \
		-f $(real-prereqs) > $@

define rust-crate-doctests-rules
$(obj)/$(1)/doctests_generated.rs: private DOCTESTS_OF := $(3)
$(obj)/$(1)/doctests_generated.rs: $(src)/scripts/doctests.awk \
		$(sort $(shell find $(src)/$(3) -name '*.rs')) FORCE
	$$(call if_changed,rust_crate_doctests)
targets += $(1)/doctests_generated.rs
$(obj)/$(1)/$(2).o: $(obj)/$(1)/doctests_generated.rs
RUSTFLAGS_$(1)/$(2).o += \
	--env-set CRATE_DOCTESTS=$(abspath $(obj))/$(1)/doctests_generated.rs
endef
rust-crate-doctests = $(eval $(call rust-crate-doctests-rules,$(strip $(1)),$(strip $(2)),$(strip $(3))))

# --- a consumer in this tree ----------------------------------------------------
# $(call rust-crate-consumer,DIR,CRATE)
define rust-crate-consumer-rules
$(obj)/$(1)/$(2).o: $(obj)/rust/dma_buf/dma_buf.o
RUSTFLAGS_$(1)/$(2).o += -L $(obj)/rust/dma_buf --extern dma_buf
$(call rust-crate-inline-rules,$(1)/$(2).o)
endef
rust-crate-consumer = $(eval $(call rust-crate-consumer-rules,$(strip $(1)),$(strip $(2))))
