# SPDX-License-Identifier: GPL-2.0
#
# bindgen for a module's own C API, in this tree and out of it (include/dma_buf.mk).
#
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
	-fno-partial-inlining -fno-ipa-cp-clone -fno-ipa-sra \
	-femit-struct-debug-baseonly, $(c_flags))

quiet_cmd_rust_crate_bindgen = BINDGEN $@
      cmd_rust_crate_bindgen = \
	$(BINDGEN) $< $(shell grep -Ev '^\#|^$$' $(<:.h=.params)) \
		--rust-target 1.85 --use-core --with-derive-default \
		--ctypes-prefix ffi --no-layout-tests --no-debug '.*' \
		--no-doc-comments --no-recursive-allowlist \
		-o $@ -- $(rust-bindgen-c-flags) -fno-builtin \
		-D__BINDGEN__ -DMODULE -Wno-unused-command-line-argument

# $(call rust-crate-bindings,DIR,CRATE): DIR/bindings.h and .params become what
# DIR/CRATE.rs includes as env!("CRATE_BINDINGS"). DIR may be ".", and does not count then.
define rust-crate-bindings-rules
$(obj)/$(1)bindings_generated.rs: $(src)/$(1)bindings.h $(src)/$(1)bindings.params FORCE
	$$(call if_changed_dep,rust_crate_bindgen)
targets += $(1)bindings_generated.rs
$(obj)/$(1)$(2).o: $(obj)/$(1)bindings_generated.rs
RUSTFLAGS_$(1)$(2).o += \
	--env-set CRATE_BINDINGS=$(abspath $(obj))/$(1)bindings_generated.rs
endef
rust-crate-bindings = $(eval $(call rust-crate-bindings-rules,$(patsubst \
	./%,%,$(strip $(1))/),$(strip $(2))))
