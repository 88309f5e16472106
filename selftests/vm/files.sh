# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2016 # $ is the guest's; a part of selftests/suites/vm
# Programs of the host's in the guest, and files that come back.

# build_program: $tmp/bin/own, linked with a library that only its run path leads to
build_program() {
	mkdir -p "$tmp/bin" "$tmp/own"
	echo 'int answer(void) { return 42; }' | "${CROSS}gcc" -shared -fPIC -x c -o "$tmp/own/libown.so" -
	echo 'int answer(void); int main(void) { return answer(); }' |
		"${CROSS}gcc" -x c -o "$tmp/bin/own" - -L "$tmp/own" -lown '-Wl,-rpath,$ORIGIN/../own'
}

# for_machine CLASS MACHINE: the program, but its header says so, in octal
for_machine() {
	cp "$tmp/bin/own" "$tmp/bin/alien"
	printf %b "\\0$1" | dd of="$tmp/bin/alien" bs=1 seek=4 conv=notrunc status=none
	printf %b "\\0$2" | dd of="$tmp/bin/alien" bs=1 seek=18 conv=notrunc status=none
}

programs() {
	build_program
	ln -s own "$tmp/bin/link"
	check "a program, with its interpreter and libraries" 42 '' --bin "$tmp/bin/own" -- own
	check "a program, elsewhere, by a link" 42 '' --bin "$tmp/bin/link:/some/where/" -- /some/where/link
	check "two of them, of which one is static" 0 '' --bin "$tmp/bin/own" \
		--bin "$BUSYBOX:/static/busybox" -- \
		sh -c 'own; [ $? = 42 ] && /static/busybox true'
	check "a program without its interpreter" 127 "its dynamic linker is missing" \
		--file "$tmp/bin/own" -- /own
	for_machine 2 363
	check "a program for another machine" 64 "another architecture (ELF64, RISC-V)" \
		--bin "$tmp/bin/alien" -- alien
	for_machine 1 3
	check "a program for 32 bits" 64 "another architecture (ELF32, Intel 80386)" \
		--bin "$tmp/bin/alien" -- alien
	check "a script is no such program" 64 "is not in ELF; a script is put in by --file" \
		--bin "$ROOT/qemu/vm" -- vm
	rm "$tmp/own/libown.so"
	check "a program whose library is not there" 69 "linked with libown.so, and that is not here" \
		--bin "$tmp/bin/own" -- own
}

files_back() {
	head -c 5000000 /dev/urandom >"$tmp/sent"
	mkdir "$tmp/back"
	check "files come back, also when the command fails" 3 "/none cannot be brought back: No such file" \
		--file "$tmp/sent" --out /sent:"$tmp/back" --out /none:"$tmp/back" \
		--out /empty:"$tmp/back/void" --out "/a b:$tmp/back/spaced" \
		--out /proc/version:"$tmp/back/version" -- sh -c 'echo spaced > "/a b"; : > /empty; exit 3'
	is "... as they were" cmp "$tmp/sent" "$tmp/back/sent"
	is "... each in its place" places
	is "... and one that is not there is not made up" test ! -e "$tmp/back/none"
	check "a file comes back, also when the kernel complains" 126 '' --out /left:"$tmp/back" --file "$ko" -- \
		sh -c 'echo before > /left; insmod /vm_complain.ko what=warn'
	is "... as it was left" holds "$tmp/back/left" before
	check "a file that is not there, of a command that ended well" 66 "/none cannot be brought back" \
		--out "/none:$tmp/back" --out "/proc:$tmp/back" --out "/dev/zero:$tmp/back" \
		--out /late:"$tmp/back" -- sh -c 'echo late > /late'
	is "... nor is a directory" grep -q "/proc cannot be brought back: Is a directory" "$tmp/err"
	is "... nor a device, which may have no end" grep -q "/dev/zero cannot be brought back" "$tmp/err"
	is "... but what comes after them" holds "$tmp/back/late" late
	check "files of a guest that is lost" 125 "/left did not come back" \
		--out "/left:$tmp/back/lost" -- poweroff -f
	is "... are not made up" test ! -e "$tmp/back/lost"
	check "a place that cannot be written to" 64 "cannot be written to" \
		--out /left:/no/such/directory/left -- true
}

places() {
	[[ -e $tmp/back/void && ! -s $tmp/back/void ]] && holds "$tmp/back/spaced" spaced &&
		grep -q "^Linux version 7.3" "$tmp/back/version"
}
