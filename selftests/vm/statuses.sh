# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2016 # $ is the guest's; a part of selftests/suites/vm
# How qemu/vm ends.

statuses() {
	check "the status of false" 1 '' -- false
	check "any other status" 42 '' -- sh -c 'exit 42'
	check "a status that means something else here is explained" 125 \
		"the command itself exited with status 125" -- sh -c 'exit 125'
	check "a signal" 137 '' -- sh -c 'kill -9 $$'
	check "a command that is not there" 127 "No such file" -- /no/such/command
	echo "#!/no/such/shell -x" >"$tmp/script"
	chmod +x "$tmp/script"
	check "a command whose interpreter is not there" 127 \
		"vm: its interpreter does not run in the guest: /no/such/shell" \
		--file "$tmp/script:/bin/script" -- script
	check "a command that is not in PATH" 127 "No such file" --file "$tmp/script" -- script
	is "... though it is elsewhere" not_said interpreter
	check "a module that does not load" 65 "vm_complain.ko does not load: Invalid argument" \
		--module "$ko what=nonsense" -- true
	check "a parameter that the module does not have" 65 \
		"vm_complain has no parameter 'waht', but: what" --module "$ko waht=talk" -- true
	check "dashes in its name, and what any module takes" 0 '' \
		--module "vfence bound-ms=1234 async_probe" -- test -c /dev/vfence
	check "... and it is that parameter" 65 "does not load" --module "vfence bound-ms=0" -- true
	check "parameters of a module that is already to be loaded" 64 "comes too late" \
		--module vfence --module "dma_buf_rs x=1" -- true
	mkdir "$tmp/other"
	sed 's/vermagic=7\.3/vermagic=7.4/' "$ko" >"$tmp/other/vm_complain.ko"
	pushd "$tmp/other" >/dev/null || exit
	check "a module for another kernel" 65 "version magic '7.4" --module vm_complain.ko -- true
	popd >/dev/null || exit
	check "a module that is not there" 65 "there is no module nonsense" --module nonsense -- true
	check "an option that is not there" 64 "there is no option" --nonsense
	check "a file that is not there" 64 "there is no file" --file /no/such/file -- true
	check "not a number" 64 "--timeout wants seconds" --timeout soon -- true
	KDIR=/no/such check "a kernel that is not there" 69 "vm: KDIR=/no/such: there is no such directory" -- true
	ends "no space for the guest" 69 "vm: the guest's file system cannot be made" without_space
	check "a device that QEMU does not have" 69 "vm: QEMU does not start: " \
		--qemu "-device nonsense" -- true
	is "... is not tried again" retries 0
	ends "a device that it does not have, for a shell" 69 "vm: QEMU does not start: see above" vm --qemu "-device nonsense"
	is "... is not tried again" retries 0
	# What nobody has thought of
	check "any other failure of its own" 69 "vm: there is no guest" --file "$ko:/vm/argv/x" -- true
	ln -s "$ROOT/qemu/vm" "$tmp/link"
	ends "it can be a link" 0 '' "$tmp/link" --help
	is "... and says nothing more" test ! -s "$tmp/err"

	check "a command that spins" 124 "had not ended after 10 s" \
		--timeout 10 -- sh -c 'while :; do :; done'
	check "commands that spin on every CPU" 124 "had not ended" \
		--smp 1 --timeout 10 -- sh -c 'while :; do :; done & while :; do :; done'
	check "a command that has ended but left another" 0 '' -- sh -c 'sleep 1000 & exit 0'

	check "a command that reboots the guest" 125 "went down without a result" -- reboot -f
	check "a command that powers it off" 125 "went down without a result" -- poweroff -f
	check "a guest that does not come up is tried three times" 125 "went down" \
		--append "rdinit=/bin/reboot -- -f" -- true
	is "... and says so" retries 2

	check "its console is kept beside the log" 126 "(its console: $tmp/log.console.1)" \
		--log "$tmp/log" --append rdinit=/bin/false -- true
	is "... and says why" grep -q "Kernel panic - not syncing" "$tmp/log.console.1"
	is "... and so does qemu/vm" grep -q "did not come up: .*: Kernel panic - not syncing" "$tmp/err"
	check "a guest without fine timers is tried again, and then taken as it is" 0 \
		"its timer did not survive the boot" --append highres=off -- true
	is "... and says so" retries 2

	check "so is one whose kernel complained while it booted" 0 \
		"its kernel complained while it booted" --append sysctl.kernel.tainted=512 -- true
	is "... and says so" retries 2
	is "... and keeps both consoles" kept 2

	is "a try of KVM that a signal ends leaves no word of the shell's" probe_is_quiet

	left_behind TERM 143
	left_behind KILL 137
}

# With a process that kills itself for QEMU: /dev/kvm need not be there.
probe_is_quiet() {
	mkdir "$tmp/probe"
	# shellcheck disable=SC2030,SC2031,SC2034,SC2317 # for and by what is sourced
	(
		TMP=$tmp BASE=/dev/null
		. "$ROOT/qemu/machine.sh"
		machine() { MACHINE=(bash -c 'sleep 2; kill -KILL $$'); }
		archive() { :; }
		note() { echo "vm: $*" >&2; }
		! probe_kvm
	) >"$tmp/out" 2>"$tmp/err" && [[ $(<"$tmp/err") == "vm: /dev/kvm is there but runs no guest"* ]] &&
		silent
}

without_space() {
	(ulimit -f 64 && vm -- true)
}

not_said() {
	! grep -q "$1" "$tmp/err"
}

# retries NUMBER
retries() {
	(($(grep -c "trying again" "$tmp/err") == $1))
}

# kept NUMBER: that many consoles, where it says that they are; they go
kept() {
	local files

	mapfile -t files < <(sed -nE 's/.*\(its console: (.*)\)$/\1/p' "$tmp/err")
	((${#files[@]} == $1)) && rm "${files[@]}"
}

# left_behind SIGNAL STATUS: after that signal, no QEMU and no temporary directory
left_behind() {
	local mark=vm_suite_mark.$$.$1

	ends "SIG$1" "$2" '' killed "$1" "$mark"
	is "... leaves no QEMU" soon none_runs "$mark"
	is "... and says nothing more" silent
	is "... nor a temporary directory" cleaned_up "$1"
}

# killed SIGNAL MARK: qemu/vm, when its guest has started
killed() {
	local pid status=0

	mkdir -p "$tmp/tmp"
	TMPDIR=$tmp/tmp "$ROOT/qemu/vm" --kernel "$flavour" --append "$2" -- \
		sh -c 'echo started; sleep 1000' &
	pid=$!
	# One that ends before it has started does so by itself, with another status.
	until grep -q started "$tmp/out" || ! kill -0 $pid 2>/dev/null; do
		sleep 0.1
	done
	kill "-$1" $pid 2>/dev/null
	{ wait $pid; } 2>/dev/null || status=$?
	return $status
}

# What nothing could remove, the next run does.
cleaned_up() {
	[[ $1 != KILL ]] || TMPDIR=$tmp/tmp vm -- true >"$tmp/out" 2>"$tmp/err"
	rmdir "$tmp/tmp"
}

# But for qemu/vm itself, which may have tried again
silent() {
	! grep -qv "^vm: " "$tmp/err"
}

# soon COMMAND...: it succeeds before long; this bounds a hang, and measures nothing
soon() {
	local i

	for ((i = 0; i < 600; i++)); do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}

none_runs() {
	! grep -lqa "$1" /proc/[0-9]*/cmdline 2>/dev/null
}
