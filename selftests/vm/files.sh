# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2016 # $ is the guest's; a part of selftests/suites/vm
# Files that come back from the guest.

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
