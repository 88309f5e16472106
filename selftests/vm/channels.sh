# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2016 # $ is the guest's; a part of selftests/suites/vm
# What goes in and what comes out.

channels() {
	head -c 4194304 /dev/urandom >"$tmp/blob"
	check "4 MiB of output" 0 '' --file "$tmp/blob:/some/where/" -- cat /some/where/blob
	is "... arrive as they were" cmp "$tmp/blob" "$tmp/out"
	check "4 MiB on stderr" 0 '' --file "$tmp/blob" -- sh -c 'cat /blob >&2; echo end'
	is "... arrive as they were" on_stderr "$tmp/blob"
	is "... and do not mix with stdout" holds "$tmp/out" end
	check "stdout and stderr can be opened by name" 0 '' -- \
		sh -c 'echo one >/dev/stdout; echo two >/dev/stderr'
	is "... and are themselves" holds_both one two
	check "output of a process that outlives the command" 0 '' -- \
		sh -c '(echo early; : >/said; sleep 1000) & until [ -e /said ]; do sleep 1; done'
	is "... arrives" holds "$tmp/out" early
	is "output comes while the command runs" live

	mkdir -p "$tmp/dir/sub"
	echo inside >"$tmp/dir/sub/file"
	check "a directory put in" 0 '' --file "$tmp/dir:/d" -- cat /d/sub/file
	is "... is there" holds "$tmp/out" inside
	check "arguments reach the command as they are" 0 '' -- printf '%s|' 'a b' '' "it's" '$HOME'
	is "... also empty ones and quotes" holds "$tmp/out" "a b||it's|\$HOME|"
	check "a module brings what it depends on" 0 '' --module vfence -- \
		sh -c 'test -c /dev/vfence && cat /proc/modules'
	is "... by name" grep -q ^dma_buf_rs "$tmp/out"
	check "a command that reads its input" 0 '' -- sh -c 'cat && echo end'
	is "... reads nothing" holds "$tmp/out" end
	check "CPUs and memory" 0 '' --smp 3 --mem 600M -- sh -c 'nproc; grep MemTotal /proc/meminfo'
	is "... are as asked for" grep -qx 3 "$tmp/out"
	check "--icount" 0 '' --icount -- nproc
	is "... has one CPU" holds "$tmp/out" 1

	# A shell; its input comes from here, as if typed.
	ends "without a command, a shell" 9 '' typed 'echo $((6 * 7)); exit 9'
	is "... that does what it is told" grep -aqx $'42\r' "$tmp/out"
	# Once for cat; and what comes before the shell reads again is lost.
	ends "a shell ends when its input does" 7 '' typed 'cat; sleep 2; (exit 7)'
}

typed() {
	timeout 600 "$ROOT/qemu/vm" --kernel "$flavour" <<<"$1"
}

# on_stderr FILE: as the last of it
on_stderr() {
	cmp "$1" <(tail -c "$(stat -c %s "$1")" "$tmp/err")
}

holds() {
	[[ $(<"$1") == "$2" ]]
}

# qemu/vm itself may have said on stderr that it tried again.
holds_both() {
	holds "$tmp/out" "$1" && [[ $(grep -v '^vm: ' "$tmp/err") == "$2" ]]
}

# What the command says comes before it ends, as it does not end by itself.
live() {
	local line pid bad=0

	exec {from}< <(echo $BASHPID && exec "$ROOT/qemu/vm" --kernel "$flavour" --timeout 1000 -- \
		sh -c 'echo first; sleep 2000')
	read -r pid <&"$from"
	read -r -t 900 line <&"$from" && [[ $line == first ]] || bad=1
	kill "$pid"
	exec {from}<&-
	return $bad
}
