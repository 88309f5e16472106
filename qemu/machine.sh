# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2054 # read by qemu/vm; QEMU's options have commas
# Starting QEMU and following the guest; sourced by qemu/vm.

# Sets KERNEL_TREE, and SLOW for one that takes much longer and more memory.
find_kernel() {
	if [[ ${KDIR:-} ]]; then
		KERNEL_TREE=$(realpath -e -- "$KDIR" 2>/dev/null) || quit 69 "KDIR=$KDIR: there is no such directory"
	else
		KERNEL_TREE=$("$ROOT/scripts/kernel" "$FLAVOUR") || quit 69 "there is no $FLAVOUR kernel (see above)"
	fi
	[[ -r $KERNEL_TREE/$IMAGE ]] ||
		quit 69 "there is no kernel image $KERNEL_TREE/$IMAGE; without it modules can be built, but no guest booted"
	[[ ! $LEAKS ]] || grep -sqx CONFIG_DEBUG_KMEMLEAK=y "$KERNEL_TREE/.config" ||
		quit 69 "--leaks takes a kernel with CONFIG_DEBUG_KMEMLEAK=y, such as debug"
	SLOW=$(grep -sx CONFIG_KASAN=y "$KERNEL_TREE/.config" || :)
	: "${MEM:=${SLOW:+2G}}" "${MEM:=1G}"
}

find_qemu() {
	QEMU_BIN=$(command -v "$QEMU_SYSTEM") || quit 69 "there is no $QEMU_SYSTEM; make setup"
	# However this script dies, QEMU dies with it.
	LAUNCH=()
	! have setpriv || LAUNCH=(setpriv --pdeathsig KILL)
}

now_ms() {
	local t=${EPOCHREALTIME//[.,]/}

	REPLY=${t%???}
}

# machine DIR INITRAMFS ACCEL...: sets MACHINE, the command that runs the guest
machine() {
	local dir=$1 initramfs=$2 port cmdline

	shift 2
	cmdline="console=$SERIAL loglevel=5 log_buf_len=4M panic=-1 printk.devkmsg=on"
	# The allocator leaves pointers to objects that it has given out, which kmemleak takes for
	# references. They are in its per-CPU arrays, which a cache under debugging does not have,
	# and in new objects, which are cleared here, but on no other kernel.
	[[ ! $LEAKS ]] || cmdline+=" kmemleak=on slab_debug=F init_on_alloc=1 vm_leaks=1"
	MACHINE=("${LAUNCH[@]}" "$QEMU_BIN" -nodefaults -no-user-config -M "$QEMU_MACHINE" "$@"
		-m "$MEM" -smp "$SMP" -display none -no-reboot
		-kernel "$KERNEL_TREE/$IMAGE" -initrd "$initramfs"
		-append "$cmdline${LAST_ATTEMPT:+ vm_last_try=1}$APPEND"
		-device virtio-serial-pci)
	for port in ctl log out err file; do
		MACHINE+=(-chardev "file,id=$port,path=$dir/$port"
			-device "virtserialport,chardev=$port,name=$port")
	done
}

# Sets ACCEL. /dev/kvm may open and still run no guest (nested virtualisation
# without the means), so one is tried for real, once per boot of this host. That
# it does not is only remembered once the same kernel has come up without it.
choose_accel() {
	local key cached version

	if [[ $ICOUNT ]]; then
		ACCEL=(-accel tcg,thread=single -cpu "$CPU_MAX" -icount shift=0)
		return
	fi
	ACCEL=(-accel tcg,thread=multi -cpu "$CPU_MAX")
	[[ ! $CROSS && -r /dev/kvm && -w /dev/kvm ]] || return 0
	version=$("$QEMU_BIN" --version | head -n 1)
	key=$(printf '%s %s' "$(</proc/sys/kernel/random/boot_id)" "$version" | sha256sum)
	cached=$CACHE/qemu/kvm-${key%% *}
	if [[ ! -e $cached ]]; then
		lock kvm
		mkdir -p "$CACHE/qemu"
		if [[ ! -e $cached ]] && probe_kvm; then
			echo y >"$cached"
		elif [[ ! -e $cached ]]; then
			NO_KVM=$cached
		fi
		unlock
	fi
	[[ ! -e $cached || $(<"$cached") != y ]] || ACCEL=(-accel kvm -cpu "$CPU_HOST")
}

# Does a guest say hello?
probe_kvm() {
	local seconds=15

	mkdir -p "$TMP/probe/root/vm"
	: >"$TMP/probe/root/vm/probe"
	{ cat "$BASE" && archive "$TMP/probe/root"; } >"$TMP/probe/initramfs"
	machine "$TMP/probe" "$TMP/probe/initramfs" -accel kvm -cpu "$CPU_HOST"
	"${MACHINE[@]}" </dev/null >/dev/null 2>&1 &
	QEMU=$!
	# The shell tells stderr of a job that a signal has ended, whenever it finds out.
	{
		while ((seconds-- > 0)) && kill -0 $QEMU; do
			sleep 1 &
			wait $!
		done
		kill -KILL $QEMU && wait $QEMU
	} 2>/dev/null || :
	QEMU=''
	grep -qs '^hello' "$TMP/probe/ctl" && return
	note "/dev/kvm is there but runs no guest; emulating"
	return 1
}

# How long the guest may take, in host seconds. Emulated machines on a loaded
# host are slow; these only have to tell a hang from that.
limits() {
	BOOT_LIMIT=90 BEAT_LIMIT=45 CLOSE_LIMIT=120
	if [[ $SLOW || $ICOUNT || $LEAKS ]]; then
		BOOT_LIMIT=400 BEAT_LIMIT=180 CLOSE_LIMIT=400
	fi
}

# Runs the guest once. Sets OUTCOME (done, timeout, lost, pipe), PHASE (boot, load, run,
# close, or start, where QEMU fails), WHY, HELLO and END, the guest's first and last
# line, and CAME, what it has said of its files.
run_guest() {
	local dir=$TMP ctl line='' part t0 beat console=(-serial "file:$TMP/console") port

	OUTCOME='' PHASE=boot WHY='' HELLO='' END='' CAME=() QEMU_STATUS=0
	limits
	machine "$dir" "$TMP/initramfs" "${ACCEL[@]}"
	if [[ $GDB ]]; then
		MACHINE+=(-S -gdb "unix:$dir/gdb,server=on,wait=off")
		note "gdb $KERNEL_TREE/vmlinux -ex 'target remote $dir/gdb'"
	fi
	MACHINE+=("${QEMU_ARGUMENTS[@]}")
	for port in log out err file console; do
		: >"$dir/$port"
	done
	[[ -p $dir/ctl ]] || mkfifo "$dir/ctl"
	exec {ctl}<>"$dir/ctl"

	if ((${#COMMAND[@]})); then
		"${MACHINE[@]}" "${console[@]}" </dev/null >/dev/null 2>"$dir/qemu" {ctl}>&- &
		QEMU=$!
		tail -c +1 -s 0.1 -f --pid=$QEMU "$dir/out" {ctl}>&- &
		COPIERS=($!)
		tail -c +1 -s 0.1 -f --pid=$QEMU "$dir/err" >&2 {ctl}>&- &
		COPIERS+=($!)
	else
		start_shell
	fi

	now_ms
	t0=$REPLY beat=$REPLY
	while [[ ! $OUTCOME ]]; do
		if read -r -t 0.5 -u "$ctl" part; then
			line+=$part
			now_ms
			beat=$REPLY
			case $line in
			hello*)
				PHASE=load HELLO=$line t0=$REPLY
				[[ ! ${NO_KVM:-} ]] || echo n >"$NO_KVM"
				;;
			unfit*)
				OUTCOME=lost WHY=${line#unfit }
				;;
			start)
				PHASE=run
				: >"$dir/started"
				;;
			ended*) PHASE=close t0=$REPLY ;;
			file\ *)
				CAME+=("${line#file }")
				t0=$REPLY
				;;
			note*) note "${line#note }" ;;
			end\ *) OUTCOME='done' END=$line ;;
			esac
			line=''
			continue
		fi
		line+=$part
		now_ms
		follow "$((REPLY - t0))" "$((REPLY - beat))"
	done
	exec {ctl}>&-
	end_guest
	# QEMU has ended by itself. When the guest goes down, that gives 0.
	[[ $PHASE != boot ]] || ((!QEMU_STATUS || QEMU_STATUS >= 128)) || PHASE=start
}

# follow MS_IN_PHASE MS_SINCE_BEAT: has one of the limits been passed?
follow() {
	if ! kill -0 "$QEMU" 2>/dev/null; then
		OUTCOME=lost WHY="it went down without a result"
	elif ((${#COMMAND[@]})) && ! kill -0 "${COPIERS[0]}" 2>/dev/null; then
		OUTCOME=pipe
	elif [[ $GDB ]]; then
		# Whoever looks at it takes his time.
		return
	elif [[ $PHASE == boot ]] && (($1 > BOOT_LIMIT * 1000)); then
		OUTCOME=lost WHY="it did not boot in $BOOT_LIMIT s"
	elif [[ $PHASE == close ]] && (($1 > CLOSE_LIMIT * 1000)); then
		OUTCOME=lost WHY="it did not finish in $CLOSE_LIMIT s after the command had ended"
	elif [[ $PHASE != boot ]] && (($2 > BEAT_LIMIT * 1000)); then
		OUTCOME=lost WHY="it has shown no sign of life for $BEAT_LIMIT s"
	elif [[ $PHASE == @(load|run) && $TIMEOUT ]] && (($1 > TIMEOUT * 1000)); then
		OUTCOME=timeout
	fi
}

# The shell is on the serial console, which is this terminal. Input that is not
# a terminal is typed in once the shell is there, and then Ctrl-D.
start_shell() {
	local input=/dev/fd/0

	if [[ -t 0 ]]; then
		TTY=$(stty -g)
	else
		input=$TMP/typed
		[[ -p $input ]] || mkfifo "$input"
		type_in <&0 >"$input" {ctl}>&- &
		COPIERS=($!)
	fi
	"${MACHINE[@]}" -chardev stdio,id=con,signal=off -serial chardev:con \
		{ctl}>&- <"$input" &
	QEMU=$!
}

# Without a child, so that it can be killed, which ends it.
type_in() {
	local line

	exec {never}<> <(:)
	until [[ -e $TMP/started ]]; do
		read -rt 0.1 -u "$never" _ || :
	done
	while IFS= read -r line || [[ $line ]]; do
		printf '%s\n' "$line"
	done
	# One in the midst of a change of the terminal's settings is lost; whoever
	# else reads before the shell does takes one for himself.
	while :; do
		printf '\004'
		read -rt 0.3 -u "$never" _ || :
	done
}

# The guest powers itself off after its last line; one that does not is killed,
# as is one that has failed.
end_guest() {
	local i

	for ((i = 0; i < 50; i++)); do
		[[ $OUTCOME == 'done' ]] || break
		kill -0 "$QEMU" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$QEMU" 2>/dev/null || :
	wait "$QEMU" 2>/dev/null || QEMU_STATUS=$?
	QEMU=''
	# What the guest has said is still being copied; what it was to be told is not.
	((${#COMMAND[@]} || ${#COPIERS[@]} == 0)) || kill "${COPIERS[@]}" 2>/dev/null || :
	((${#COPIERS[@]} == 0)) || wait "${COPIERS[@]}" 2>/dev/null || :
	COPIERS=()
}
