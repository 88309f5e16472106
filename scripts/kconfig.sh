# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# From a flavour's fragments to a configured tree in which every symbol has the
# value that was asked for. Sourced after lib.sh.

# kernel_fragments FLAVOUR: prints their settings; later ones override
kernel_fragments() {
	local files=("$ROOT/qemu/kernel/base.config")

	[[ $1 != kasan && $1 != rt ]] || files+=("$ROOT/qemu/kernel/debug.config")
	files+=("$ROOT/qemu/kernel/$1.config")
	[[ $1 != debug ]] || files+=("$ROOT/qemu/kernel/kmemleak.config")
	[[ $GUEST_ARCH == x86_64 ]] || files+=("$ROOT/qemu/kernel/$GUEST_ARCH.config")
	[[ ! ${DEBUG_INFO:-} ]] || files+=("$ROOT/qemu/kernel/debug-info.config")
	[[ ! ${EXTRA:-} ]] || files+=("$EXTRA")
	sed -E 's/^# (CONFIG_\w+) is not set$/\1=n/; /^#/d' "${files[@]}"
	# Only x86 has SGX, which selects it there.
	[[ $1-$GUEST_ARCH != rt-arm64 ]] || echo CONFIG_MMU_NOTIFIER=n
}

# lost_symbols FRAGMENT CONFIG: what was asked for and did not come, a line each.
# Kconfig drops a symbol whose dependencies are not met without a word.
lost_symbols() {
	awk '
		NR == FNR && /^CONFIG_/ { s = $0; sub(/=.*/, "", s); want[s] = substr($0, length(s) + 2) }
		NR == FNR { next }
		/^CONFIG_/ { s = $0; sub(/=.*/, "", s); got[s] = substr($0, length(s) + 2) }
		END {
			for (s in want) {
				g = s in got ? got[s] : "n"
				if (g != want[s])
					print s " is " g ", not " want[s]
			}
		}' "$1" "$2" | sort
}

# configure_kernel SOURCE OUT FLAVOUR LOG
configure_kernel() {
	local src=$1 out=$2 flavour=$3 log=$4 lost

	kernel_fragments "$flavour" >"$out/fragments"
	run_logged -h "See Documentation/rust/quick-start.rst in $src." \
		"$log" "The kernel's check of the Rust toolchain" kmake "$src" O="$out" rustavailable
	run_logged "$log" "Configuring the $flavour kernel" \
		kmake "$src" O="$out" KCONFIG_ALLCONFIG="$out/fragments" allnoconfig
	lost=$(lost_symbols "$out/fragments" "$out/.config")
	[[ ! $lost ]] || die "The $flavour kernel cannot be configured as its fragments ask:" \
		"$lost" "Kconfig has no such option, or one that it depends on is not set." \
		"The configuration is $out/.config; the fragments are in $ROOT/qemu/kernel${EXTRA:+, and $EXTRA}."
}
