# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# From what a guest has left to one exit status; sourced by qemu/vm.

# BAD_PAGE, DIE, WARN: the taint bits that only a fault sets. SOFTLOCKUP is none of
# them: creating a fence on sw_sync sets it, too.
FAULT_TAINT=$((1 << 5 | 1 << 7 | 1 << 9))

# Sets END_[key] from the guest's first and last line; first_KEY for the first.
parse_lines() {
	local pair
	declare -gA END_=()

	for pair in ${HELLO#hello}; do
		END_[first_${pair%%=*}]=${pair#*=}
	done
	for pair in ${END#end}; do
		END_[${pair%%=*}]=${pair#*=}
	done
}

# The complaints in the log, and what only the state tells, into TMP/complaints.
collect_complaints() {
	local fresh

	awk -f "$ROOT/qemu/complaints.awk" "$TMP/log" \
		"$([[ $END ]] && echo /dev/null || echo "$TMP/console")" >"$TMP/complaints"
	[[ $END && ! -s $TMP/complaints ]] || return 0
	fresh=$((END_[taint] & ~END_[first_taint] & FAULT_TAINT))
	if ((fresh)); then
		printf 'H taint %d, though no report was recognised in the log\nB taint %d\n' \
			"$fresh" "$fresh" >>"$TMP/complaints"
	fi
	if [[ ${END_[debug_locks]} == 0 ]]; then
		printf 'H lockdep is off, though no report was recognised in the log\nB debug_locks: 0\n' \
			>>"$TMP/complaints"
	fi
}

# decode: what is in the standard input, with files and lines where it has addresses
decode() {
	local script=$KERNEL_TREE/source/scripts/decode_stacktrace.sh

	[[ -r $script ]] || script=$KERNEL_TREE/scripts/decode_stacktrace.sh
	if [[ $RAW || ! -r $script || ! -r $KERNEL_TREE/vmlinux ]]; then
		cat
		return
	fi
	[[ ${TOOLCHAIN+set} ]] || load_toolchain
	# Code is not disassembled. The script would make x0a of an escaped end of a line.
	sed 's/Code:/Code/; s/\\x0a//g' |
		env "${TOOLCHAIN[0]}" "$BASH" "$script" "$KERNEL_TREE/vmlinux" auto "$TMP/modules" 2>/dev/null |
		sed "s/^\( *\)Code /\1Code: /; s,$ROOT/,,g"
}

print_complaints() {
	sed -n -e 's/^H /vm: the kernel complained: /p' -e 's/^B //p' "$TMP/complaints" | decode |
		sed '/^vm: the kernel complained: /!s/^/  | /' >&2
}

# What is missing from the result, if anything; sets WHY.
incomplete() {
	local port

	for port in out err log file; do
		(($(stat -c %s "$TMP/$port") == END_[$port])) && continue
		WHY="not all of its '$port' arrived"
		return 0
	done
	if ((END_[lost])); then
		WHY="${END_[lost]} records of its log were overwritten before they were read"
	elif ((END_[scan])); then
		WHY="kmemleak could not scan"
	else
		return 1
	fi
}

# keep_console ATTEMPT: of a guest that is tried again; sets REPLY to where, and adds to
# WHY what its kernel has complained of
keep_console() {
	local dir=$BUILD/qemu headline

	REPLY=''
	headline=$(awk -f "$ROOT/qemu/complaints.awk" /dev/null "$TMP/console" 2>/dev/null |
		sed -n '/^H /{s///p;q}') || :
	WHY+=${headline:+: $headline}
	[[ -s $TMP/console || -s $TMP/qemu ]] || return 0
	find "$dir" -maxdepth 1 -name 'console.*' -mtime +7 -delete
	REPLY=$dir/console.$$.$1
	[[ ! $LOG ]] || REPLY=$LOG.console.$1
	cat "$TMP/console" "$TMP/qemu" 2>/dev/null | tr -d '\r' >"$REPLY"
}

# check_out GUEST[:HOST]: can it be written when the command has ended? Sets REPLY to
# GUEST:HOST
check_out() {
	local guest=${1%%:*} host=''

	[[ $1 != *:* ]] || host=${1#*:}
	: "${host:=${guest##*/}}"
	[[ $guest == /*[!/] ]] || usage "--out wants a file's whole path in the guest, not '$guest'"
	[[ ! -d $host ]] || host=${host%/}/${guest##*/}
	if [[ ! -d $(dirname "$host") || -d $host ]] ||
		[[ -e $host && ! -w $host || ! -e $host && ! -w $(dirname "$host") ]]; then
		usage "--out: '$host' cannot be written to"
	fi
	REPLY=$guest:$host
}

# deliver: puts the files that came back where they were asked for; sets UNDELIVERED if
# one did not come
deliver() {
	local index bytes why line offset=0 out guest host

	UNDELIVERED=''
	# shellcheck disable=SC2153 # set by run_guest
	for line in "${CAME[@]}"; do
		read -r index bytes why <<<"$line"
		guest=${OUTS[index]%%:*} host=${OUTS[index]#*:}
		if [[ $why ]]; then
			UNDELIVERED=y
			note "--out: $guest cannot be brought back: $why"
		elif (($(stat -c %s "$TMP/file") < offset + bytes)); then
			UNDELIVERED=y
			note "--out: not all of $guest arrived"
		elif ! dd if="$TMP/file" of="$host" bs=1M iflag=skip_bytes,count_bytes \
			skip="$offset" count="$bytes" status=none; then
			quit 69 "--out: $host cannot be written"
		fi
		((offset += bytes)) || :
	done
	for out in "${OUTS[@]:${#CAME[@]}}"; do
		UNDELIVERED=y
		note "--out: ${out%%:*} did not come back"
	done
}

show_console() {
	[[ -s $TMP/console ]] || return 0
	note "the last lines of its console:"
	tail -n 15 "$TMP/console" | tr -d '\r' | sed 's/^/  | /' >&2
}

verdict() {
	local status=0 own

	parse_lines
	[[ ! $LOG ]] || cp "$TMP/log" "$LOG"
	((${#COMMAND[@]})) || [[ $END ]] || : >"$TMP/console"
	collect_complaints

	# A shell's QEMU has said it itself.
	[[ $PHASE != start ]] ||
		quit 69 "QEMU does not start: $(head -n 3 "$TMP/qemu" 2>/dev/null || echo "see above")"
	[[ $OUTCOME != pipe ]] || finish 141
	if [[ $OUTCOME == 'done' ]] && incomplete; then
		OUTCOME=lost
	fi
	own=${END_[status]:-}
	deliver
	[[ ! $EXPECT ]] || expected

	[[ ! -s $TMP/complaints ]] || print_complaints
	case $OUTCOME in
	timeout)
		status=124
		note "$(late)"
		;;
	lost)
		status=125
		note "the guest was lost: $WHY"
		[[ -s $TMP/complaints ]] || show_console
		;;
	'done')
		status=$own
		if ((END_[load])); then
			status=65
		elif [[ $own == 0 && $UNDELIVERED ]]; then
			status=66
		elif [[ $own == @(64|65|66|69|12[456]) || -s $TMP/complaints && $own != 0 ]]; then
			note "the command itself exited with status $own"
		fi
		;;
	esac
	# Whatever else went wrong, a kernel that complained is why.
	[[ ! -s $TMP/complaints ]] || status=126
	finish "$status"
}

# late: what had not ended when the time was over
late() {
	if [[ $PHASE == load ]]; then
		echo "a module's init had not returned after $TIMEOUT s, so the command was not run"
	else
		echo "the command had not ended after $TIMEOUT s"
	fi
}

# With --expect: a guest that was lost to a panic or after the complaint has
# still shown it, but one that hangs has not ended as a test should.
expected() {
	local head

	head=$(awk -v text="$EXPECT" '
		/^H / { head = substr($0, 3) }
		/^B / && index(substr($0, 3), text) { print head; exit }' "$TMP/complaints")
	if [[ $OUTCOME == timeout ]]; then
		quit 124 "$(late)"
	elif [[ $head && $UNDELIVERED ]]; then
		finish 66
	elif [[ $head ]]; then
		quit 0 "as expected, the kernel complained: $head"
	fi
	[[ ! -s $TMP/complaints ]] || print_complaints
	if [[ $OUTCOME == lost ]]; then
		show_console
		quit 125 "the guest was lost: $WHY; and no complaint with '$EXPECT' had come"
	fi
	quit 1 "no complaint with '$EXPECT' came"
}
