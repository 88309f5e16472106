# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the guest boots with; sourced by qemu/vm. The part that is always the
# same (busybox, PID 1) is made once per checkout; the rest is a second archive
# behind it, which is how the kernel takes several.

# The directory of this run. Its name tells whose it is, so that what a killed
# run (SIGKILL) has left behind is found and removed by a later one.
make_tmp() {
	local dir=${TMPDIR:-/tmp} old pid

	for old in "$dir"/dma-buf-rs-vm.*; do
		pid=${old##*/dma-buf-rs-vm.} pid=${pid%.*}
		[[ -O $old && $pid == +([0-9]) && ! -d /proc/$pid ]] && rm -rf "$old"
	done
	TMP=$(mktemp -d "$dir/dma-buf-rs-vm.$$.XXXXXX") || quit 69 "no temporary directory"
}

# archive DIR: what is in it, as the kernel wants it
archive() {
	(cd "$1" && find -L . -print0 | cpio -o -0 -L -H newc -R 0:0 --quiet)
}

# Sets BASE. Newer sources than the archive make it anew.
base_archive() {
	local dir=$BUILD/qemu src=$ROOT/qemu/init stage applet newest

	BASE=$dir/base.cpio
	[[ -x $BUSYBOX ]] || quit 69 "there is no busybox (package busybox-static); make setup"
	if [[ -e $BASE && $BASE -nt $BUSYBOX && $BASE -nt ${BASH_SOURCE[0]} ]]; then
		newest=$(find "$src" -newer "$BASE" -print -quit)
		[[ $newest ]] || return 0
	fi
	! ldd "$BUSYBOX" >/dev/null 2>&1 ||
		quit 69 "$BUSYBOX is linked dynamically; the guest wants the package busybox-static"
	if ! mkdir -p "$dir" 2>/dev/null || [[ ! -w $dir ]]; then
		quit 69 "cannot write to $dir, where a part of the guest is kept"
	fi
	stage=$TMP/base
	mkdir -p "$stage"/{bin,dev,proc,sys,tmp,run,root,etc,lib/modules,vm}
	"${CROSS}gcc" -std=gnu11 -D_GNU_SOURCE -DCONSOLE="\"/dev/$SERIAL\"" -static -O2 -s -Wall -Wextra \
		-o "$stage/init" "$src"/*.c 2>"$TMP/cc" ||
		quit 69 "qemu/init does not compile: $(head -n 3 "$TMP/cc")"
	cp "$BUSYBOX" "$stage/bin/busybox"
	(cd "$stage" && find . -print0 | cpio -o -0 -H newc -R 0:0 --quiet) >"$TMP/base.cpio"
	# The applets are links, and only to be followed in the guest. Those of the host's busybox
	# are the same, and it can be run here.
	mkdir -p "$TMP/applets/bin"
	for applet in $(busybox --list); do
		[[ $applet == busybox ]] || ln -s busybox "$TMP/applets/bin/$applet"
	done
	(cd "$TMP/applets" && find . -type l -print0 | cpio -o -0 -H newc -R 0:0 --quiet) >>"$TMP/base.cpio"
	{ mv "$TMP/base.cpio" "$BASE.$$" && mv "$BASE.$$" "$BASE"; } ||
		{ rm -f "$BASE.$$" && quit 69 "cannot write $BASE"; }
}

# destination SRC[:DST] DIR: sets REPLY to where that goes: into DIR, unless it says
destination() {
	local src=${1%:/*}

	REPLY=$2
	[[ $1 != *:/* ]] || REPLY=/${1##*:/}
	[[ $REPLY != */ ]] || REPLY+=$(basename "$src")
}

# put FILE DST
put() {
	mkdir -p "$TMP/root${2%/*}"
	ln -sf "$(realpath "$1")" "$TMP/root$2"
}

# add_file SRC[:DST]
add_file() {
	local src=${1%:/*}

	destination "$1" /
	if [[ -d $src ]]; then
		mkdir -p "$TMP/root${REPLY%/*}"
		cp -aT "$src" "$TMP/root$REPLY"
	else
		put "$src" "$REPLY"
		[[ $src != *.ko ]] || ln -sf "$(realpath "$src")" "$TMP/modules/"
	fi
}

make_initramfs() {
	local f

	base_archive
	mkdir -p "$TMP/root/vm" "$TMP/root/lib/modules" "$TMP/modules"
	((${#COMMAND[@]} == 0)) || printf '%s\0' "${COMMAND[@]}" >"$TMP/root/vm/argv"
	add_modules
	for f in "${FILES[@]}"; do
		add_file "$f"
	done
	for f in "${BINS[@]}"; do
		add_program "$f"
	done
	((${#OUTS[@]} == 0)) || printf '%s\0' "${OUTS[@]%%:*}" >"$TMP/root/vm/out"
	{ cat "$BASE" && archive "$TMP/root"; } >"$TMP/initramfs" ||
		quit 69 "the guest's file system cannot be made in ${TMPDIR:-/tmp}"
}
