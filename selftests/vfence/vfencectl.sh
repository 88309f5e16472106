#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests of vfencectl, which stands beside this: what scripts rely on.
dir=$(dirname "$(readlink -f "$0")")
# shellcheck source=/dev/null # the kernel's, which is installed there
. "$dir/../kselftest/ktap_helpers.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# ends STATUS TEXT COMMAND...: it ends with this status, and says so
ends() {
	status=$1
	text=$2
	shift 2
	"$dir/vfencectl" "$@" >"$tmp/said" 2>&1 <"$tmp/script"
	got=$?
	if [ $got = "$status" ] && grep -qF -e "$text" "$tmp/said"; then
		ktap_test_pass "$*"
		return
	fi
	sed 's/^/# /' "$tmp/said"
	echo "# it ended with $got"
	ktap_test_fail "$*"
}

[ -e /dev/vfence ] || { ktap_skip_all "there is no /dev/vfence" && exit "$KSFT_SKIP"; }
: >"$tmp/script"
ktap_print_header
ktap_set_plan 16
ends 0 "Usage: vfencectl" --help
ends 2 "what is to be done?"
ends 2 "there is no command 'jump'" jump
ends 2 "there is no timeline 'A'" submit A
ends 2 "there is a 'A' already" create A : create A
ends 2 "submit does not want 'soon'" create A : submit A soon
ends 2 "'20' is not a time" create A : submit A delay=20
ends 2 "'EFOO' is not a number" create A : submit A error=EFOO
ends 0 "max_fds 256" info
ends 0 "signalled" create A : submit A as a : wait a : expect a signalled : draw
ends 0 "error 5" create A : submit A error=EIO as a : wait a : expect a EIO : info a
ends 1 "a is still pending" create A : submit A manual as a : wait a 10ms
ends 1 "signal: Invalid argument" create A : signal A 1
ends 1 "a should be pending" create A : submit A as a : wait a : expect a pending
cat >"$tmp/script" <<END
create P points name=numbers	# a comment
point P 5 as five

inc P 5
wait five
info P
END
ends 0 "P: points" --file -
echo "wait six" >>"$tmp/script"
ends 2 "line 7: there is no fence 'six'" --file "$tmp/script"
ktap_finished
