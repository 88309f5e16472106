# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# What differs by architecture. Here is all of it but for the kernel's options, which are
# in qemu/kernel/GUEST_ARCH.config. Sourced by lib.sh.
#
# ARCH= is the architecture of guests, and of all that is built for them, by the kernel's
# name for it: arm64 or x86_64; without it, the host's. From here on ARCH is in the
# environment only if it is not the host's. Then CROSS is what the names of GCC's tools for
# it begin with, and guests are emulated.

# arch_name NAME: the kernel's name for what uname or the distribution calls NAME
arch_name() {
	case $1 in
	aarch64) echo arm64 ;;
	amd64 | x86) echo x86_64 ;;
	*) echo "$1" ;;
	esac
}

HOST_ARCH=$(arch_name "$(uname -m)")
GUEST_ARCH=$(arch_name "${ARCH:-$HOST_ARCH}")
# NULL_REPORT begins the kernel's report of an access to NULL. PC_LINE begins the line of the
# instruction in any report.
case $GUEST_ARCH in
x86_64)
	DEBIAN_ARCH=amd64
	TRIPLE=x86_64-linux-gnu
	IMAGE=arch/x86/boot/bzImage
	ELF_MACHINE='Advanced Micro Devices X86-64'
	QEMU_SYSTEM=qemu-system-x86_64
	QEMU_PACKAGE=qemu-system-x86
	QEMU_MACHINE=q35
	# identify_boot_cpu() sets the features of the CPU anew with interrupts on. In between,
	# KASAN takes four levels of page tables for granted, and reports what interrupts do.
	CPU_MAX=max,la57=off
	CPU_HOST=host,la57=off
	SERIAL=ttyS0
	NULL_REPORT='BUG: kernel NULL pointer dereference'
	PC_LINE='RIP: 0010:'
	;;
arm64)
	DEBIAN_ARCH=arm64
	TRIPLE=aarch64-linux-gnu
	IMAGE=arch/arm64/boot/Image
	ELF_MACHINE=AArch64
	QEMU_SYSTEM=qemu-system-aarch64
	QEMU_PACKAGE=qemu-system-arm
	QEMU_MACHINE=virt,gic-version=max
	# The architecture's own algorithm for signing pointers is slow to emulate. The timer's
	# frequency is such that with --icount a tick is one instruction.
	CPU_MAX=max,pauth-impdef=on,cntfrq=1000000000
	CPU_HOST=host
	SERIAL=ttyAMA0
	NULL_REPORT='Unable to handle kernel NULL pointer dereference'
	PC_LINE='pc : '
	;;
*)
	die "ARCH=$GUEST_ARCH: kernels are built and booted for arm64 and x86_64 only."
	;;
esac

CROSS=''
CROSS_PACKAGES=()
if [[ $GUEST_ARCH == "$HOST_ARCH" ]]; then
	unset ARCH
	# It may not be installed yet.
	BUSYBOX=$(command -v busybox) || :
else
	export ARCH=$GUEST_ARCH
	CROSS=$TRIPLE-
	CROSS_PACKAGES=("gcc-${TRIPLE//_/-}" "libc6-dev-$DEBIAN_ARCH-cross")
	# scripts/busybox puts it there: packages of another architecture cannot be installed
	# like the host's own.
	BUSYBOX=$CACHE/tools/busybox-$ARCH
	BUILD=$BUILD/$ARCH
fi
