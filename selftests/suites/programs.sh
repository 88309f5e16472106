# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For suites: the programs of a directory of selftests, built against a kernel's
# headers.

# build_programs FLAVOUR [DIRECTORY]: sets PROGRAMS, the directory they are in
build_programs() {
	local kdir src dir=${2:-vfence}

	kdir=$("$ROOT/scripts/kernel" "$1")
	src=$(realpath "$kdir")
	[[ ! -e $kdir/source ]] || src=$(realpath "$kdir/source")
	PROGRAMS=$BUILD/$1/selftests/$dir
	build_dir "$PROGRAMS"
	lock_build "$PROGRAMS"
	# A tree of the user's may have been built without them.
	[[ -d $kdir/usr/include/linux ]] ||
		run_logged "$PROGRAMS.log" "making the kernel's headers" kmake "$kdir" headers
	run_logged "$PROGRAMS.log" "building the selftests" \
		make -C "$ROOT/selftests/$dir" KSRC_DIR="$src" OUTPUT="$PROGRAMS" \
		KHDR_INCLUDES="-isystem $kdir/usr/include"
	unlock
}
