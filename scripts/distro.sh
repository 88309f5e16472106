# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC1090
# Which distribution is this, and what is to be installed on it? Sourced after
# lib.sh. load_distro sets DISTRO, PACKAGES and what the file scripts/distro/$DISTRO sets:
#
#   PACKAGES          all that a build and its tests need
#   DISTRO_NAME       for people
#   DISTRO_PACKAGES   the compilers, by this distribution's names
#   CLANG, RUST_BIN   where those land
#   BUILD_BINDGEN     y if its bindgen is too old; BINDGEN_PACKAGES build one

KNOWN_DISTROS=(debian-12 debian-13 ubuntu-26.04)

# The same on all of them: to build a kernel, to boot it, to check the scripts.
# busybox and libc are static, for a guest without a file system of its own.
COMMON_PACKAGES=(
	bc
	binutils
	bison
	cpio
	flex
	gcc
	kmod
	libc6-dev
	libelf-dev
	libssl-dev
	make
	perl
	python3
	xz-utils

	busybox-static
	"$QEMU_PACKAGE"
	"${CROSS_PACKAGES[@]}"

	shellcheck
)

# _os_release NAME: a field of os-release, in a shell of its own
_os_release() {
	(
		unset "$1"
		. /etc/os-release 2>/dev/null || . /usr/lib/os-release 2>/dev/null || :
		printf '%s' "${!1:-}"
	)
}

# distro_of_host: a name in scripts/distro. A derivative is what it is made of.
distro_of_host() {
	local id version major

	id=$(_os_release ID)
	version=$(_os_release VERSION_ID)
	case "$id $(_os_release ID_LIKE) " in
	debian\ *) ;;
	ubuntu\ *) ;;
	*\ ubuntu\ *)
		id=ubuntu version=
		[[ $(_os_release UBUNTU_CODENAME) == resolute ]] && version=26.04
		;;
	*\ debian\ *)
		id=debian version=0
		case $(_os_release DEBIAN_CODENAME)$(_os_release VERSION_CODENAME) in
		*bookworm*) version=12 ;;
		*trixie*) version=13 ;;
		esac
		;;
	esac

	major=${version%%.*}
	[[ $major =~ ^[0-9]+$ ]] || major=0
	# Debian's testing and unstable have no number.
	if [[ $id == debian && $major == 12 ]]; then
		echo debian-12
	elif [[ $id == debian && (! $version || $major -ge 13) ]]; then
		echo debian-13
	elif [[ $id == ubuntu && $major -ge 26 ]]; then
		echo ubuntu-26.04
	else
		echo other
	fi
}

# load_distro NAME
load_distro() {
	DISTRO=$1
	BINDGEN_PACKAGES=()
	. "$ROOT/scripts/distro/$DISTRO"
	if [[ $DISTRO == other ]]; then
		PACKAGES=()
	else
		PACKAGES=("${COMMON_PACKAGES[@]}" "${DISTRO_PACKAGES[@]}")
	fi
}

# names_of_distros: for people
names_of_distros() {
	local d

	for d in "${KNOWN_DISTROS[@]}"; do
		(load_distro "$d" && printf '%s\n' "$DISTRO_NAME")
	done | paste -sd, | sed 's/,/, /g'
}

# The bindgen that scripts/bindgen builds
BINDGEN_VERSION=0.72.1
bindgen_built() {
	echo "$CACHE/tools/bindgen-$BINDGEN_VERSION/bin/bindgen"
}
