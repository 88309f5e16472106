# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Installing packages with the host's own apt, from its own sources. Sourced
# after lib.sh.

# as_root COMMAND...
as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo -- "$@"
	fi
}

# missing_packages PACKAGE...: the array MISSING holds those not installed
missing_packages() {
	local p have

	MISSING=()
	(($#)) || return 0
	# It fails if there is one that it has never heard of.
	have=" $({ dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || :; } |
		sed -n 's/^installed //p' | tr '\n' ' ')"
	for p; do
		[[ $have == *" $p "* ]] || MISSING+=("$p")
	done
}

_apt_get() {
	# The log is not the place for a question, and nothing here may ask one.
	as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get \
		-y -q --no-install-recommends \
		-o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"
}

# What apt would do, by its lists, without doing it; needs no root.
_simulate() {
	apt-get -s -q --no-install-recommends install "$@" >"$CACHE/log/apt-simulate.log" 2>&1
}

# Megabytes that these and what they depend on take, archives included.
_size() {
	local names

	mapfile -t names < <(_simulate "$@" && sed -nE 's/^Inst ([^ ]+).*/\1/p' "$CACHE/log/apt-simulate.log")
	apt-cache show --no-all-versions "${names[@]}" |
		awk '/^Installed-Size:/ { kb += $2 } /^Size:/ { b += $2 }
		     END { print int(kb / 1024 + b / 1048576) }'
}

# may_install: is there a way to become root? Asks before, not in the middle.
may_install() {
	((EUID != 0)) || return 0
	have sudo || die "Packages are missing, and you are not root and have no sudo." \
		"As root, run: apt-get install --no-install-recommends ${MISSING[*]}"
	sudo -n true 2>/dev/null && return
	[[ -t 0 || -t 2 ]] || die "Packages are missing, and sudo wants a password but has nobody to ask." \
		"As root, run: apt-get install --no-install-recommends ${MISSING[*]}"
	say "sudo may ask for your password, to install packages"
	sudo -v || die "sudo refused, so the missing packages cannot be installed." \
		"As root, run: apt-get install --no-install-recommends ${MISSING[*]}"
}

# All are unpacked before the first is set up.
_installed() {
	local log=$CACHE/log/apt.log

	printf '%d of %d packages unpacked, %d set up' "$(grep -c '^Unpacking' "$log")" \
		"$(grep -c '^Inst ' "$CACHE/log/apt-simulate.log")" "$(grep -c '^Setting up' "$log")"
}

# Older than a day, lists may name files that the mirror has dropped.
lists_are_old() {
	[[ ! $(find /var/lib/apt/lists -maxdepth 1 -type f -name '*Packages*' -mtime -1 -print -quit) ]]
}

# apt_install PACKAGE...: everything is downloaded and verified before the first
# is unpacked, so that a network that fails leaves the host as it was.
apt_install() {
	local log=$CACHE/log/apt.log
	local hint="Nothing was installed. If it is the network, run this again once it is there."

	[[ ! $(dpkg --audit) ]] || die "An earlier installation on this machine was interrupted; apt can do nothing before that is mended." \
		"As root, run: dpkg --configure -a; apt-get -f install"
	mkdir -p "$CACHE/log"
	step "Installing $# packages with apt: $*"
	# The lists of a fresh container are empty.
	if ! _simulate "$@" || lists_are_old; then
		run_logged -h "$hint" "$log" "Reading the package lists" _apt_get update
		if ! _simulate "$@"; then
			! apt_had_no_network "$log" ||
				die "There is no network, and packages are missing: $*" "What apt says is in $log"
			die "apt does not have all the packages: $(sed -nE 's/^E: //p' "$CACHE/log/apt-simulate.log")" \
				"See that the apt sources of this machine name the updates and security suites" \
				"(Ubuntu: also universe). What apt says is in $log"
		fi
	fi
	need_space / $(($(_size "$@") + 100)) "the packages"
	run_logged -h "$hint" "$log" "Downloading packages" \
		_apt_get --download-only install "$@"
	run_logged -p _installed -h "The package system says what is wrong; dpkg --configure -a may mend it." \
		"$log" "Installing packages" _apt_get install "$@"
}
