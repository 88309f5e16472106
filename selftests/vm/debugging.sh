# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2016 # $ is the guest's; a part of selftests/suites/vm
# What qemu/vm does for those who look for a fault.

debugging() {
	check "a complaint has files and lines" 126 \
		"${PC_LINE}warn (selftests/vm/vm_complain.c:$(line_of "WARN_ON("))" \
		--file "$ko" --log "$tmp/kept" -- insmod /vm_complain.ko what=warn
	is "... the kernel's too" grep -q "do_one_initcall (init/main.c:" "$tmp/err"
	is "... and so has a kept log, decoded" decoded
	check "... a module that was loaded beforehand has them, too" 126 \
		"${PC_LINE}warn (selftests/vm/vm_complain.c:" --module "$ko what=warn" -- true
	check "--qemu: a device more" 0 '' --qemu "-device edu" -- \
		sh -c 'grep 0x11e8 /sys/bus/pci/devices/*/device'
	ends "--gdb: the guest waits, and goes on when gdb lets it" 7 'target remote' for_gdb
}

# line_of TEXT: in vm_complain.c
line_of() {
	grep -nF "$1" "$ROOT/selftests/vm/vm_complain.c" | cut -d: -f1
}

# With the command in selftests/README.md
decoded() {
	block "$ROOT/selftests/README.md" sh | sed "s,kernel debug,kernel $flavour,
		s,\\\$(scripts/modules debug),$out,; s,<FILE,<$tmp/kept," >"$tmp/decode"
	(cd "$ROOT" && bash -e "$tmp/decode") >"$tmp/decoded" 2>&1
	grep -q "warn (.*selftests/vm/vm_complain.c:" "$tmp/decoded"
}

# What gdb says to detach, without gdb. The guest must not have started before.
for_gdb() {
	local vm status=0 socket

	"$ROOT/qemu/vm" --kernel "$flavour" --gdb -- sh -c 'exit 7' &
	vm=$!
	until socket=$(sed -n "s/.*target remote \([^']*\)'.*/\1/p" "$tmp/err") && [[ -S $socket ]]; do
		kill -0 $vm || return
		sleep 0.1
	done
	[[ ! -s ${socket%/*}/ctl && ! -s ${socket%/*}/console ]] || return
	perl -MIO::Socket::UNIX -e '
		my $gdb = IO::Socket::UNIX->new($ARGV[0]) or die "$ARGV[0]: $!";
		$gdb->syswrite("+\$D#44");
		my $said = "";
		while ($said !~ /\$OK#9a/) { $gdb->sysread($said, 100, length $said) or die "it said $said"; }
		' "$socket" || return
	wait $vm || status=$?
	return $status
}
