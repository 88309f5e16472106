# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What every script here stands on; sourced, never run. It sets
#
#   ROOT    the checkout
#   BUILD   $ROOT/build, for what belongs to this checkout; build/arm64 with ARCH=arm64
#   CACHE   what outlives it: tools, kernel source, kernels
#
# and the functions below. Progress and complaints go to stderr: stdout is left
# for the one answer a script gives (a path, say), so that scripts can use each
# other by $(...).
set -euo pipefail
# Without it a $(...) goes on after an error.
shopt -s inherit_errexit
# Without it a script goes on after a Ctrl-C if the command it waited for had an
# answer to that of its own.
trap 'exit 130' INT

# print_help: the comment at the head of the script
print_help() {
	sed -nE '/^#!|^# (SPDX|shellcheck)/d; /^#/!q; s/^#[:H]? ?//p' "$0"
}

# Whoever sources this hands over its arguments, too.
case ${1:-} in
-h | --help)
	print_help
	exit
	;;
esac

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # for those who source this
BUILD=$ROOT/build

# The distribution's tools before anything a user put first in PATH: a rustup or
# pyenv shim is not what the kernel was configured for.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export LC_ALL=C
umask 022
# A variable of the calling make or of the user's shell must not reach a kernel
# build: make hands its command line on through MAKEFLAGS, and Kbuild takes the
# others from the environment.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL MAKEFILES CDPATH
unset SUBARCH CROSS_COMPILE LLVM LLVM_IAS O M MO W C CC LD LOCALVERSION
unset CFLAGS KCFLAGS KCPPFLAGS KAFLAGS KRUSTFLAGS RUSTFLAGS CLIPPY_CONF_DIR
unset RUSTUP_TOOLCHAIN RUSTC RUSTC_WRAPPER RUSTC_BOOTSTRAP CARGO BINDGEN
unset "${!KBUILD_@}" "${!KCONFIG_@}" "${!BINDGEN_EXTRA_@}"

# One clock for a whole run, however many scripts it goes through.
export DMA_BUF_RS_STARTED=${DMA_BUF_RS_STARTED:-$EPOCHSECONDS}

# duration SECONDS: "7 s", "3 min 20 s"
duration() {
	if (($1 < 60)); then
		printf '%d s' "$1"
	else
		printf '%d min %02d s' $(($1 / 60)) $(($1 % 60))
	fi
}

# step TEXT: a new step begins, so long after the start
step() {
	local t=$((EPOCHSECONDS - DMA_BUF_RS_STARTED))

	printf '[%3d:%02d] %s\n' $((t / 60)) $((t % 60)) "$*" >&2
}

# say TEXT: a remark on the current step
say() {
	printf '         %s\n' "$*" >&2
}

# die SENTENCE [WHAT TO DO]...
die() {
	printf 'error: %s\n' "$1" >&2
	shift
	(($# == 0)) || printf '%s\n' "$@" | sed 's/^/       /' >&2
	exit 1
}

# have COMMAND...: are they all there?
have() {
	command -v -- "$@" >/dev/null && (($(command -v -- "$@" | wc -l) == $#))
}

# home: the home directory, also where HOME is unset
home() {
	local h=${HOME:-}

	[[ $h ]] || h=$(getent passwd "$(id -u)" | cut -d: -f6)
	[[ $h ]] || die "There is no home directory to keep a cache in." \
		"Name one: export DMA_BUF_RS_CACHE=/some/directory"
	printf '%s\n' "$h"
}

CACHE=${DMA_BUF_RS_CACHE:-${XDG_CACHE_HOME:-$(home)/.cache}/dma-buf-rs}
[[ $CACHE == /* ]] || CACHE=$PWD/$CACHE
# Scripts run each other, some from another directory.
export DMA_BUF_RS_CACHE=$CACHE
[[ ! ${EXTRA:-} || $EXTRA == /* ]] || EXTRA=$PWD/$EXTRA

for dir in "$ROOT" "$CACHE"; do
	[[ $dir != *[!A-Za-z0-9/._+@,=-]* ]] || die \
		"The path '$dir' holds a space or another character that make cannot handle." \
		"Move the checkout, or name another cache: export DMA_BUF_RS_CACHE=/some/directory"
done
unset dir

# shellcheck source=scripts/arch.sh
. "$ROOT/scripts/arch.sh"

# kernel_version SOURCE: 7.3.4, say, or nothing if this is no kernel with Rust
kernel_version() {
	local v

	[[ -f $1/Makefile && -f $1/Kconfig && -d $1/rust/kernel ]] || return 0
	mapfile -t v < <(sed -nE '2,5s/^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) = ?//p' "$1/Makefile")
	((${#v[@]} != 4)) || printf '%s.%s.%s%s\n' "${v[@]}"
}

# apt_had_no_network LOG: did apt fail because nobody can be reached?
apt_had_no_network() {
	grep -qE 'Could not (resolve|connect)|Cannot initiate|Temporary failure|unreachable|timed out|Connection (refused|failed)' "$1"
}

# need_space DIRECTORY MEGABYTES PURPOSE: is there room, where it is or will be?
need_space() {
	local dir=$1 free elsewhere=", or put the cache elsewhere: export DMA_BUF_RS_CACHE=/some/directory"

	while [[ ! -d $dir ]]; do dir=$(dirname "$dir"); done
	free=$(($(df -Pk "$dir" | awk 'NR == 2 { print $4 }') / 1024))
	[[ $1/ == "$CACHE"/* ]] || elsewhere=.
	((free >= $2)) || die \
		"There is not enough disk space for $3: $1 has $free MB free, and it takes $2 MB." \
		"Make room$elsewhere"
}

# build_dir DIRECTORY: make this part of the checkout's build directory
build_dir() {
	if ! mkdir -p "$1" 2>/dev/null || [[ ! -w $1 ]]; then
		die "Cannot write to $1: what belongs to a checkout is built in it." \
			"Use a checkout of your own, on a file system that can be written to."
	fi
	need_space "$1" 30 "what is built in the checkout"
}

# flavours: those of the kernel, a line each
flavours() {
	(cd "$ROOT/qemu/kernel" && printf '%s\n' *.config | sed 's/\.config$//' | grep -vxE 'arm64|base|debug-info|kmemleak')
}

# check_flavour FLAVOUR: ends the script if there is none of that name
check_flavour() {
	flavours | grep -xF -e "$1" >/dev/null ||
		die "There is no kernel flavour '$1'." "There are: $(flavours | paste -sd' ')"
}

# kernel_name FLAVOUR: the kernel's name for people; "host" stands for none
kernel_name() {
	if [[ ${KDIR:-} && $1 != host ]]; then
		echo KDIR
	else
		echo "$1"
	fi
}

# wanted NAME: returns true if TEST= asks for the test of that name, or for no test. If
# not, it prints the name, for scripts/ktap.awk.
wanted() {
	# shellcheck disable=SC2053 # it is a pattern
	[[ ! ${TEST:-} || $1 == $TEST ]] || { echo "# TEST= leaves out $1" && return 1; }
}

# lock NAME: be the only one at it, until this script ends
lock() {
	if ! { mkdir -p "$CACHE/lock" && : >>"$CACHE/lock/$1"; } 2>/dev/null; then
		die "Cannot write to the cache directory $CACHE." \
			"Name another one: export DMA_BUF_RS_CACHE=/some/directory"
	fi
	exec {LOCK_FD}>>"$CACHE/lock/$1"
	if ! flock -n "$LOCK_FD"; then
		say "another run is at it ($1); waiting for it to end"
		flock "$LOCK_FD"
	fi
}

# lock_build DIRECTORY: be the only one who builds there, until this script ends
lock_build() {
	lock "build-$(cksum <<<"$1" | cut -d' ' -f1)"
}

unlock() {
	exec {LOCK_FD}>&-
}

# _tick OWNER DESC FUNCTION: say every so often that the work goes on. It ends
# with its owner: an asynchronous command does not get a Ctrl-C.
_tick() {
	local start=$EPOCHSECONDS last=$EPOCHSECONDS every=30 text never

	[[ -t 2 ]] && every=1
	exec {never}<> <(:)
	while kill -0 "$1" 2>/dev/null; do
		read -rt 1 -u "$never" _ || :
		((EPOCHSECONDS - last >= every)) || continue
		last=$EPOCHSECONDS
		text="$2: $(duration $((EPOCHSECONDS - start)))"
		[[ $3 ]] && text+=", $("$3" || :)"
		if [[ -t 2 ]]; then
			printf '\r\033[K         %s' "$text" >&2
		else
			say "$text"
		fi
	done
}

# _complaints LOG: the lines that tell most; where they are few, the end
_complaints() {
	local lines what='(^|[^_[:alnum:]])([Ee]rror|E|fatal|FATAL)([^_[:alnum:]]|$)|\*\*\*|[Cc]annot|[Cc]ould not|not found|No s(pace|uch)|undefined |LOST|^ *--> '

	lines=$(tail -n +2 "$1" | grep -E "$what" | awk '!seen[$0]++') || :
	(($(wc -l <<<"$lines") > 2)) || lines=$(tail -n +2 "$1")
	tail -n 12 <<<"$lines"
}

# run_logged [-p FUNCTION] [-h HINT] LOG DESC COMMAND...
# Runs COMMAND with its output in LOG, and shows that it is alive: FUNCTION, if
# given, prints how far it is. On failure says what failed, where the log is,
# its errors and HINT, and returns COMMAND's status.
run_logged() {
	local progress='' hint='' log desc ticker rc=0 start=$EPOCHSECONDS

	while [[ $1 == -[ph] ]]; do
		case $1 in
		-p) progress=$2 ;;
		-h) hint=$2 ;;
		esac
		shift 2
	done
	log=$1 desc=$2
	shift 2
	mkdir -p "${log%/*}"
	printf '$ %s\n' "$*" >"$log"

	_tick $BASHPID "$desc" "$progress" &
	ticker=$!
	"$@" >>"$log" 2>&1 </dev/null || rc=$?
	{ kill $ticker && wait $ticker; } 2>/dev/null || :
	[[ -t 2 ]] && printf '\r\033[K' >&2

	if ((rc)); then
		printf 'error: %s failed (status %d, after %s)\n' "$desc" "$rc" \
			"$(duration $((EPOCHSECONDS - start)))" >&2
		_complaints "$log" | sed 's/^/       | /' >&2
		printf '       log: %s\n' "$log" >&2
		[[ ! $hint ]] || printf '       %s\n' "$hint" >&2
	elif ((EPOCHSECONDS - start > 2)); then
		say "$desc: done in $(duration $((EPOCHSECONDS - start)))"
	fi
	return $rc
}

# load_toolchain: the array TOOLCHAIN holds the make variables of scripts/toolchain
load_toolchain() {
	local out

	out=$("$ROOT/scripts/toolchain") || exit
	mapfile -t TOOLCHAIN <<<"$out"
}

# binutil NAME: prints which nm, strip or the like goes with the compiler
binutil() {
	[[ ${TOOLCHAIN+set} ]] || load_toolchain
	case ${TOOLCHAIN[0]} in
	LLVM=/*) echo "${TOOLCHAIN[0]#LLVM=}llvm-$1" ;;
	LLVM=*) echo "llvm-$1" ;;
	*) echo "$CROSS$1" ;;
	esac
}

# Line tables, so that stack traces have files and lines. They cost a build 3 %;
# complete debug information, DEBUG_INFO=1, costs more than half as much again. A tree
# of the user's is built as the user configured it. scripts/toolchain prints them.
LINE_TABLES=()
# shellcheck disable=SC2034 # for those who source this
[[ ${DEBUG_INFO:-} || ${KDIR:-} ]] ||
	LINE_TABLES=(KCFLAGS=-g1 KRUSTFLAGS=-Cdebuginfo=line-tables-only)

# kmake DIR ARGUMENT...: make in a kernel tree with the toolchain that fits it
kmake() {
	local dir=$1

	shift
	[[ ${TOOLCHAIN+set} ]] || load_toolchain
	make -C "$dir" -j"$(nproc)" "${TOOLCHAIN[@]}" "$@"
}
