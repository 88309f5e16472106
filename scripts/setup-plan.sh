# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What setup would do, in words; changes nothing. Sourced by setup.

_list() {
	printf '%s\n' "$*" | fold -s -w 72 | sed 's/ *$//; s/^/    /'
}

_plan_here() {
	local bindgen=

	if [[ $DISTRO == other ]]; then
		echo "This is not a supported distribution, so nothing is installed on it."
	else
		[[ ! $BUILD_BINDGEN || -x $(bindgen_built) ]] || bindgen=y
		missing_packages "${PACKAGES[@]}" ${bindgen:+"${BINDGEN_PACKAGES[@]}"}
		if ((${#MISSING[@]})); then
			echo "On this machine ($DISTRO_NAME), apt will install ${#MISSING[@]} packages and what they depend on (up to 2.3 GB):"
			_list "${MISSING[@]}"
		else
			echo "On this machine ($DISTRO_NAME), all packages are installed."
		fi
	fi
	if [[ ! $BUILD_BINDGEN ]]; then
		echo "  bindgen: the distribution's own."
	elif [[ $bindgen ]]; then
		echo "  bindgen: to be built with cargo, in $(dirname "$(dirname "$(bindgen_built)")") (two minutes, 10 MB)."
	else
		echo "  bindgen: $(bindgen_built)"
	fi
	echo "  kernel source: $("$ROOT/scripts/source" --plan)"
	echo "  kernels, each built when it is first used (5 to 8 minutes on two cores):"
	"$ROOT/scripts/kernel" --plan | sed 's/^/    /'
	echo "  cache: $CACHE ($(df -Pk "$(_existing "$CACHE")" | awk 'NR == 2 { print int($4 / 1024) }') MB free)"
}

_existing() {
	local d=$1

	while [[ ! -d $d ]]; do d=$(dirname "$d"); done
	echo "$d"
}

print_plan() {
	local d

	_plan_here
	printf '\nThe packages for it, of which those that are missing are installed:\n'
	for d in "${KNOWN_DISTROS[@]}"; do
		load_distro "$d"
		printf '\n  %s:\n' "$DISTRO_NAME"
		_list "${PACKAGES[@]}" "${BINDGEN_PACKAGES[@]}"
	done
}
