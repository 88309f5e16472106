# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For suites: selftests, built against a kernel's headers.

# build_programs FLAVOUR [DIRECTORY]: those of a directory of ours; sets PROGRAMS,
# the directory they are in
build_programs() {
	make_programs "$1" "${2:-vfence}" "$ROOT/selftests/${2:-vfence}"
}

# build_kernel_programs FLAVOUR DIRECTORY: those of the kernel's own source, as they
# are there, but static; sets PROGRAMS, too
build_kernel_programs() {
	make_programs "$1" "kernel-$2" "tools/testing/selftests/$2" LDFLAGS="-static -pthread"
}

# make_programs FLAVOUR NAME DIRECTORY MAKE-ARGUMENT...: a directory that is not
# absolute is in the kernel's source
make_programs() {
	local kdir src dir=$3

	kdir=$("$ROOT/scripts/kernel" "$1")
	src=$(realpath "$kdir")
	[[ ! -e $kdir/source ]] || src=$(realpath "$kdir/source")
	[[ $dir == /* ]] || dir=$src/$dir
	PROGRAMS=$BUILD/$1/selftests/$2
	build_dir "$PROGRAMS"
	lock_build "$PROGRAMS"
	# A tree of the user's may have been built without them.
	[[ -d $kdir/usr/include/linux ]] ||
		run_logged "$PROGRAMS.log" "making the kernel's headers" kmake "$kdir" headers
	run_logged "$PROGRAMS.log" "building the selftests" \
		make -C "$dir" KSRC_DIR="$src" OUTPUT="$PROGRAMS" \
		KHDR_INCLUDES="-isystem $kdir/usr/include" "${@:4}"
	unlock
}
