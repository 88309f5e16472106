# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Programs of the host's in a guest; sourced by qemu/vm.

# Where any dynamic linker looks, told by nobody.
LIBRARY_DIRS="?(/usr)/lib?(64)?(/$TRIPLE)"

# check_program FILE: is it one that this guest can run?
check_program() {
	local header class machine

	[[ -f $1 ]] || usage "there is no program '$1' to put in"
	[[ -x $1 ]] || usage "'$1' may not be executed, so it is no program"
	header=$(readelf -h "$1" 2>/dev/null) || usage "'$1' is not in ELF; a script is put in by --file"
	class=$(sed -nE 's/^ *Class: +//p' <<<"$header")
	machine=$(sed -nE 's/^ *Machine: +//p' <<<"$header")
	[[ $class == ELF64 && $machine == "$ELF_MACHINE" ]] ||
		usage "'$1' is for another architecture ($class, $machine); the guest is $GUEST_ARCH"
}

is_for_guest() {
	grep -q "Machine: *$ELF_MACHINE\$" < <(readelf -h "$1" 2>/dev/null)
}

# cross_libraries_of PROGRAM: as libraries_of, where ldd does not run the program: the
# libraries are in its run path, or the cross-compiler's
cross_libraries_of() {
	local run_path dirs name dir path

	run_path=$(readelf -dW "$1" | sed -nE 's/.*runpath: \[(.*)\]$/\1/p')
	IFS=: read -ra dirs <<<"${run_path//\$ORIGIN/"$(dirname "$(realpath "$1")")"}"
	while read -r name; do
		[[ ! ${seen[$name]:-} ]] || continue
		seen[$name]=y
		path=''
		for dir in "${dirs[@]}" "/usr/$TRIPLE/lib"; do
			if [[ ! $path ]] && is_for_guest "$dir/${name##*/}"; then
				path=$dir/${name##*/}
			fi
		done
		[[ $path ]] || quit 69 "$1 is linked with $name, and that is not here"
		printf '%s %s\n' "$name" "$path"
		cross_libraries_of "$path"
	done < <(readelf -ldW "$1" |
		sed -nE 's/.*(program interpreter: |\(NEEDED\).*\[)(.*)\]$/\2/p')
}

# libraries_of PROGRAM: prints "name path" of what it is linked with, and of its
# interpreter
libraries_of() {
	local name arrow path _ said
	local -A seen=()

	[[ ! $CROSS ]] || { cross_libraries_of "$1" && return; }
	said=$(env -u LD_PRELOAD ldd "$1" 2>&1) ||
		quit 69 "ldd cannot tell what $1 is linked with: ${said%%$'\n'*}"
	while read -r name arrow path _; do
		if [[ $arrow == '=>' && $path == not ]]; then
			quit 69 "$1 is linked with $name, and that is not here"
		elif [[ $arrow == '=>' ]]; then
			printf '%s %s\n' "$name" "$path"
		elif [[ $name == /* ]]; then
			printf '%s %s\n' "$name" "$name"
		fi
	done <<<"$said"
}

# put_library FILE DST: it must not take the place of another
put_library() {
	local there=$TMP/root$2

	[[ ! -e $there || $1 -ef $there ]] ||
		quit 69 "two files want to be the guest's $2: $(readlink -f "$there") and $1"
	put "$1" "$2"
}

# add_program PROGRAM[:DST]: with its interpreter and libraries. A library that only the
# program's own run path, the host's configuration or environment leads to goes to
# where libc is.
add_program() {
	local src=${1%:/*} libraries dir name path

	destination "$1" /bin/
	put "$src" "$REPLY"
	readelf -lW "$src" | grep -q 'Requesting program interpreter' || return 0
	libraries=$(libraries_of "$src") || exit
	dir=$(sed -nE 's,^libc\.[^ ]* (.*)/[^/]*$,\1,p' <<<"$libraries")
	# shellcheck disable=SC2053 # it is a pattern
	[[ $dir == $LIBRARY_DIRS ]] || dir=/lib
	while read -r name path; do
		# shellcheck disable=SC2053 # it is a pattern
		if [[ $name == /* ]]; then
			put_library "$path" "$name"
		elif [[ ${path%/*} == $LIBRARY_DIRS ]]; then
			put_library "$path" "${path%/*}/$name"
		else
			put_library "$path" "$dir/$name"
		fi
	done <<<"$libraries"
}
