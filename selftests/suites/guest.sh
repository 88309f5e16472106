# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For suites that run in a guest. A suite adds to VM, the arguments of qemu/vm, and ends
# with kselftests, kunit or in_guest.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
export DMA_BUF_TESTS=y

FLAVOUR=${1:-debug}
VM=(--kernel "$FLAVOUR")
KERNEL_TREE=$("$ROOT/scripts/kernel" "$FLAVOUR")
KERNEL_SOURCE=$(realpath "$KERNEL_TREE")
[[ ! -e $KERNEL_TREE/source ]] || KERNEL_SOURCE=$(realpath "$KERNEL_TREE/source")
MODULES=$("$ROOT/scripts/modules" "$FLAVOUR")

# seconds DEFAULT: those of SOAK=, if it is set
seconds() {
	[[ ${SOAK:-$1} == [1-9]*([0-9]) ]] || die "SOAK= wants a number of seconds, not '$SOAK'."
	echo "${SOAK:-$1}"
}

# on_kasan VALUE ELSEWHERE: all takes longer there
on_kasan() {
	if [[ $FLAVOUR == kasan ]]; then echo "$1"; else echo "$2"; fi
}

# Memory that is not freed is a failure, too, where the kernel can tell.
look_for_leaks() {
	! grep -sqx CONFIG_DEBUG_KMEMLEAK=y "$KERNEL_TREE/.config" || VM+=(--leaks)
}

# module_files NAME...: modules that are not loaded, to be found in /lib/modules
module_files() {
	local name

	for name; do
		VM+=(--file "$MODULES/$name.ko:/lib/modules/$name.ko")
	done
}

# _make NAME MAKE-ARGUMENT...: builds programs against the kernel's headers, and puts
# their log there
_make() {
	lock_build "$BUILD/$FLAVOUR/selftests/$1"
	# A tree of the user's may have been built without them.
	[[ -d $KERNEL_TREE/usr/include/linux ]] ||
		run_logged "$BUILD/$FLAVOUR/selftests/$1.log" "making the kernel's headers" \
			kmake "$KERNEL_TREE" headers
	run_logged "$BUILD/$FLAVOUR/selftests/$1.log" "building the selftests" \
		make CROSS_COMPILE="$CROSS" KSRC_DIR="$KERNEL_SOURCE" \
		KHDR_INCLUDES="-isystem $KERNEL_TREE/usr/include" "${@:2}"
	unlock
}

# build_programs DIRECTORY: installs the kselftests of a directory of ours, and puts them in
# the guest at /DIRECTORY. PROGRAMS is where they are here, and LIST has those that are
# tests; LIMIT is how many seconds one may take.
build_programs() {
	local installed=$BUILD/$FLAVOUR/kselftest/$1

	build_dir "$installed"
	_make "$1" -C "$ROOT/selftests" install TARGETS="$1" \
		OUTPUT="$BUILD/$FLAVOUR/selftests" INSTALL_PATH="$installed"
	PROGRAMS=$installed/$1
	VM+=(--file "$PROGRAMS:/$1")
	mapfile -t LIST < <(sed "s,:,/," "$installed/kselftest-list.txt")
	LIMIT=$(sed -n 's/^timeout=//p' "$PROGRAMS/settings")
	# Emulated, and with leaks or KASAN looked for, all takes longer.
	LIMIT=$((LIMIT * 4 + ${ROUNDS:-0} * 10))
	lacks "$ROOT/selftests/$1/config" | sed "s,^,# selftests/$1/config asks for ,"
}

# lacks CONFIG: what of it the kernel is not built with
lacks() {
	[[ ! -f $KERNEL_TREE/.config ]] || awk -F = 'NR == FNR { has[$1] = /=/; next }
		/^CONFIG_/ && !has[$1] { print $1 }' "$KERNEL_TREE/.config" "$1"
}

# build_kernel_programs DIRECTORY: those of the kernel's own source, as they are there, but
# static; sets PROGRAMS
build_kernel_programs() {
	PROGRAMS=$BUILD/$FLAVOUR/selftests/kernel-$1
	build_dir "$PROGRAMS"
	_make "kernel-$1" -C "$KERNEL_SOURCE/tools/testing/selftests/$1" OUTPUT="$PROGRAMS" \
		LDFLAGS="-static -pthread"
}

# in_guest SCRIPT ARGUMENT...: runs a script of selftests/guest in the guest
in_guest() {
	local file

	for file in "$ROOT"/selftests/guest/*.{sh,awk}; do
		VM+=(--file "$file")
	done
	VM+=(--file "$KERNEL_SOURCE/tools/testing/selftests/kselftest/ktap_helpers.sh:/kselftest/ktap_helpers.sh")
	exec "$ROOT/qemu/vm" "${VM[@]}" -- env TEST="${TEST:-}" ROUNDS="${ROUNDS:-}" \
		FUZZ="${FUZZ:-}" FUZZ_COVERAGE="${FUZZ_COVERAGE:-}" MODULE="${DRIVER:-vfence}" sh "/$1" "${@:2}"
}

# kselftests DIRECTORY [PROGRAM [PARAMETER=VALUE]...]...: runs the programs that its
# Makefile lists. One that is named here is run on vfence, or DRIVER, with these parameters; with a
# minus before its name, it is left out. The bound is above what any test takes.
kselftests() {
	local directory=$1 program choice programs=()

	shift
	build_programs "$directory"
	for program in "${LIST[@]}"; do
		for choice; do
			case "$directory/${choice%% *}" in
			"$program") program="$directory/$choice" ;;
			"$directory/-${program#*/}") continue 2 ;;
			esac
		done
		programs+=("/$program")
	done
	VM+=(--module "vfence bound_ms=3600000" --timeout $((LIMIT * 4)))
	in_guest kselftests.sh "$LIMIT" "${programs[@]}"
}

# kunit SCRIPT WORDS...: loads KUnit modules, as that script takes them
kunit() {
	VM+=(--module dma_buf_rs --module dma_buf_fixture)
	# The kernel crate's own suites do not run at boot: one of them warns on PREEMPT_RT.
	VM+=(--append "kunit.enable=1 kunit.autorun=1 kunit.filter_glob=none")
	in_guest "$@"
}
