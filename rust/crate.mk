# SPDX-License-Identifier: GPL-2.0
#
# A Rust library crate for other modules, out of tree.
#
# Kbuild has no notion of one: upstream does the same by hand for nova-core and
# calls it a workaround. Everything that may have to change with it is here.

include $(src)/rust/bindgen.mk

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
	(cd $(src)/rust && find bindgen.mk crate.mk dma_buf -type f ! -name '*_generated.*' \
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

# --- pages ------------------------------------------------------------------------
# $(call rust-crate-rustdoc,DIR,CRATE,OUT): the docs of DIR/CRATE.rs as pages in the
# directory OUT, as `make rustdoc` of the kernel makes those of its own crates. Links to
# these lead to the pages of this kernel's release, and links to srctree/ to its source.
# A link to an item that does not exist, or is private, is an error.
quiet_cmd_rust_crate_rustdoc = RUSTDOC $(<D)
      cmd_rust_crate_rustdoc = rm -rf $(RUSTDOC_OUT); \
	OBJTREE=$(abspath $(objtree)) RUST_MODFILE=$(RUSTDOC_CRATE) \
	CRATE_BINDINGS=$(abspath $(filter %/bindings_generated.rs,$(real-prereqs))) \
	$(RUSTDOC) $(filter-out --remap-path-scope=%,$(rust_flags)) \
		-Drustdoc::broken_intra_doc_links -Drustdoc::private_intra_doc_links \
		-Zallow-features=$(rust_allowed_features) -Zcrate-attr=no_std \
		-Zcrate-attr='feature($(rust_allowed_features))' \
		-Zunstable-options --extern pin_init --extern kernel \
		--extern zerocopy --extern zerocopy_derive \
		$(foreach crate,core kernel macros pin_init zerocopy,--extern-html-root-url \
			$(crate)=https://rust.docs.kernel.org/$(VERSION).$(PATCHLEVEL)/) \
		--extern-html-root-takes-precedence -L $(objtree)/rust/ --sysroot=/dev/null \
		$(if $(call rustc-min-version,108800),-Cunsafe-allow-abi-mismatch=fixed-x18) \
		--enable-index-page --crate-name $(RUSTDOC_CRATE) --output $(RUSTDOC_OUT) $<; \
	find $(RUSTDOC_OUT) -name '*.html' -exec sed -Ei \
		's:<a href="srctree/([^"]+)":<a href="$(realpath $(srctree))/\1":g' {} +

define rust-crate-rustdoc-rules
$(obj)/$(3)/$(2)/index.html: private RUSTDOC_CRATE := $(2)
$(obj)/$(3)/$(2)/index.html: private RUSTDOC_OUT := $(obj)/$(3)
$(obj)/$(3)/$(2)/index.html: private part-of-module := y
$(obj)/$(3)/$(2)/index.html: $(src)/$(1)/$(2).rs $(obj)/$(1)/bindings_generated.rs \
		$(sort $(shell find $(src)/$(1) -name '*.rs' -o -name '*.md')) FORCE
	+$$(call if_changed,rust_crate_rustdoc)
targets += $(3)/$(2)/index.html
endef
rust-crate-rustdoc = $(eval $(call rust-crate-rustdoc-rules,$(strip $(1)),$(strip $(2)),$(strip $(3))))

# --- a consumer in this tree ----------------------------------------------------
# $(call rust-crate-consumer,DIR,CRATE)
define rust-crate-consumer-rules
$(obj)/$(1)/$(2).o: $(obj)/rust/dma_buf/dma_buf.o
RUSTFLAGS_$(1)/$(2).o += -L $(obj)/rust/dma_buf --extern dma_buf
$(call rust-crate-inline-rules,$(1)/$(2).o)
endef
rust-crate-consumer = $(eval $(call rust-crate-consumer-rules,$(strip $(1)),$(strip $(2))))
