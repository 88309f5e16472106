# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For suites: the programs of selftests/vfence, built against a kernel's headers.

# build_programs FLAVOUR: sets PROGRAMS, the directory they are in
build_programs() {
	local kdir src

	kdir=$("$ROOT/scripts/kernel" "$1")
	src=$(realpath "$kdir")
	[[ ! -e $kdir/source ]] || src=$(realpath "$kdir/source")
	PROGRAMS=$BUILD/$1/selftests
	mkdir -p "$PROGRAMS"
	# A tree of the user's may have been built without them.
	[[ -d $kdir/usr/include/linux ]] ||
		run_logged "$PROGRAMS.log" "making the kernel's headers" kmake "$kdir" headers
	run_logged "$PROGRAMS.log" "building the selftests" \
		make -C "$ROOT/selftests/vfence" KSRC_DIR="$src" OUTPUT="$PROGRAMS" \
		KHDR_INCLUDES="-isystem $kdir/usr/include"
}
