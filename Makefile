# SPDX-License-Identifier: GPL-2.0
#
# The whole interface; `make help` explains it. Everything is done by scripts
# that can also be run by themselves.

KERNEL ?=
SUITES ?=
UPDATE :=
export ARCH KDIR KSRC EXTRA KERNEL TEST JOBS DRY_RUN SOAK ACCOUNT FUZZ ROUNDS DEBUG_INFO V

# SUITE=, say, would go unnoticed, and everything be run.
KNOWN := KERNEL= SUITES= TEST= JOBS= ARCH= KDIR= KSRC= EXTRA= SOAK= ACCOUNT= FUZZ= ROUNDS= \
	DEBUG_INFO= DRY_RUN= UPDATE= V= M= DIR= TEMPLATE= DESTDIR= KSRC_SHA256= KSRC_UNVERIFIED= \
	DEBIAN_MIRROR= DMA_BUF_RS_CACHE= XDG_CACHE_HOME= TMPDIR=
$(foreach v,$(filter-out $(patsubst %=,%,$(KNOWN)),$(.VARIABLES)),$(if \
	$(filter command,$(firstword $(origin $(v)))),\
	$(error There is no $(v)=, but $(wordlist 1,12,$(KNOWN)) (make help explains))))

# Nor would these, where they say nothing.
only-for = $(if $(filter command,$(origin $(1))),$(if $(filter-out $(2),$(MAKECMDGOALS)),\
	$(error $(1)= is for: make $(2))))
$(call only-for,DRY_RUN,setup)
$(call only-for,KERNEL,run driver driver-run kernel modules install rustdoc rust-analyzer shell test)
$(call only-for,EXTRA,run driver driver-run kernel modules install rustdoc shell test)
$(call only-for,TEST,test bench)
$(call only-for,JOBS,test)
$(call only-for,UPDATE,bench)
$(call only-for,M,rust-analyzer)
$(call only-for,DIR,driver driver-run)
$(call only-for,TEMPLATE,driver driver-run)
$(call only-for,DESTDIR,install dkms)

.DEFAULT_GOAL := help
.PHONY: help setup kernel modules install dkms driver driver-run rustdoc rust-analyzer \
	run test list-suites style bench shell clean
# make driver driver-run
.NOTPARALLEL:

help:
	@sed -n 's/^#H //p' $(firstword $(MAKEFILE_LIST))

#H make run                  from nothing to a signalled fence in a guest
run:
	@scripts/run

#H make driver DIR=~/mygpu [TEMPLATE=drm]  begin a driver there: one ring and a job, or a DRM
#H                           render driver with buffers and syncobjs
driver:
	@scripts/driver $(or $(DIR),"") $(TEMPLATE)

#H make driver-run DIR=~/mygpu [KERNEL=debug]  build it, load it in a guest, and print
#H                           what it logs
driver-run:
	@scripts/driver --run $(or $(DIR),"") $(or $(KERNEL),debug)

#H make test [JOBS=1]        build what is missing, run every test; two suites at a time.
#H                           Results, as KTAP, stay in build/test/SUITE-KERNEL.ktap
#H make test SUITES="kunit vfence" KERNEL=kasan
#H make test SUITES="kunit vfence contract" KERNEL=rt   with PREEMPT_RT, and lockdep
test:
	@scripts/test $(SUITES)

#H make test SUITES=soak SOAK=600   races between CPUs, for 600 s in all (60)
#H make test SUITES=account ACCOUNT=10000000   an account of so many fences (20 000, on
#H                           release 200 000), callbacks and references on all CPUs
#H make test SUITES=unload ROUNDS=1000   so many random rounds of a module's life
#H make test SUITES=fuzz FUZZ=600   calls at random, for 600 s (60). FUZZ=600:SEED is what an
#H                           earlier run has printed, to do it again; with :1 at the end by one
#H                           thread, which then does exactly the same
#H make test SUITES=vfence TEST='jobs.close*' [KERNEL=debug]
#H                           only the tests of one suite whose names, as they are in its
#H                           results, this shell pattern matches. In KUnit a name is
#H                           SUITE.CASE, as in rust_dma_buf_work.*, or SUITE for all of it.
#H                           TEST=? matches none, and then some names are printed.
#H make list-suites          what SUITES= takes, and an example of TEST= for each suite
#H                           that can run some of its tests
list-suites:
	@scripts/test --list

#H make test ARCH=arm64        for guests of arm64 on a host of x86_64, or the other way about:
#H                           cross-built, and emulated. So do all others but style, and
#H                           build/arm64 takes the place of build
#H make setup [DRY_RUN=1]    install the tools, or say which
setup:
	@scripts/setup

#H make kernel [KERNEL=debug]  build and cache a kernel; prints its build tree
#H make kernel DEBUG_INFO=1    one that gdb can be used on; run, shell and test take it, too
#H make kernel EXTRA=my.config  one with the options in this file, too, such as
#H                           CONFIG_DRM_VGEM=m; KERNEL= and EXTRA= name it for the others
kernel:
	@scripts/kernel $(or $(KERNEL),debug)

#H make modules [KERNEL=debug] build the modules against it
modules:
	@scripts/modules $(or $(KERNEL),debug)

#H make install DESTDIR=/tmp/root  the modules, and what a driver needs to be built without
#H                           this checkout, below DESTDIR; without it, on this machine:
#H make install KDIR=/lib/modules/$(uname -r)/build
install:
	@scripts/install $(or $(KERNEL),debug) $(DESTDIR)

#H make dkms [DESTDIR=]      give DKMS the source of the modules, for every kernel of this
#H                           machine that can take Rust modules
dkms:
	@scripts/dkms $(DESTDIR)

#H make rust-analyzer [M=~/mygpu]  rust-project.json, for this tree or for a driver's
rust-analyzer:
	@scripts/rust-analyzer $(or $(KERNEL),debug) $(if $(filter command,$(origin M)),$(M))

#H make rustdoc              the pages of the library's docs, to open in a browser; prints
#H                           the file of the front page
rustdoc:
	@scripts/rustdoc $(or $(KERNEL),debug)

#H make shell [KERNEL=debug]   a shell in a guest with the modules loaded
shell:
	@qemu/vm $(if $(KERNEL),--kernel $(KERNEL)) --module vfence

#H make style                rustfmt, clippy, checkpatch, shellcheck, rustdoc
style:
	@scripts/style

#H make bench                what operations cost in Rust and in C, in guest
#H                           instructions; also in build/bench/results.tsv. It fails if a
#H                           goal is missed, if one got over 2 % worse
#H                           (selftests/bench/figures), or if measuring twice makes a
#H                           difference of over 1 %
#H make bench TEST='merge*'  only the operations that this shell pattern matches
#H make bench UPDATE=1       the figures in selftests/bench/figures become today's
bench:
	@scripts/bench --twice $(if $(UPDATE),--update)

#H make clean                remove build/ (the kernel cache stays)
clean:
	rm -rf build
