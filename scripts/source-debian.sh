# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The kernel source from the Debian archive, by an apt of its own: the host's
# sources, lists and settings are neither used nor changed, but for the mirror
# and the proxy. apt verifies it against Debian's keys. Sourced by source.

PACKAGE=linux-source-7.3
# Where it is or may be, the likeliest first.
SUITES=(trixie-backports forky sid)
KEYRINGS=(/usr/share/keyrings/debian-archive-keyring.{gpg,pgp})

# debian_mirrors: what the host itself uses, first what looks like Debian's own
# archive. A host of Ubuntu has none, but its mirror may carry Debian as well.
debian_mirrors() {
	local hosts

	[[ ! ${DEBIAN_MIRROR:-} ]] || echo "${DEBIAN_MIRROR%/}"
	hosts=$(apt-get --print-uris update 2>/dev/null |
		sed -nE "s,^'([^']+)/dists/[^/' ]+/(In)?Release'.*,\1,p" | awk '!seen[$0]++')
	grep -E '/debian/?$' <<<"$hosts" || :
	sed -nE 's,/ubuntu/?$,/debian,p' <<<"$hosts"
}

# debian_keyring DIRECTORY: the keys; from the host's apt, without installing
# them, where they are not there.
debian_keyring() {
	local k

	for k in "${KEYRINGS[@]}"; do
		[[ ! -f $k ]] || { echo "$k" && return; }
	done
	(
		cd "$1"
		mkdir -p host/lists/partial host/cache/archives/partial
		set -- -q -o Dir::State::lists="$1/host/lists" -o Dir::Cache="$1/host/cache" \
			-o APT::Sandbox::User=root
		apt-get "$@" update && apt-get "$@" download debian-archive-keyring &&
			dpkg-deb -x debian-archive-keyring_*.deb keys
	) >>"$CACHE/log/source.log" 2>&1 || return 0
	for k in "${KEYRINGS[@]}"; do
		[[ ! -f $1/keys$k ]] || { echo "$1/keys$k" && return; }
	done
}

# _private_apt DIRECTORY KEYRING MIRROR SUITE: sets APT_CONFIG
_private_apt() {
	local d=$1 p

	rm -rf "$d"
	mkdir -p "$d"/{state/lists/partial,cache/archives/partial}
	: >"$d/status"
	printf 'deb [signed-by=%s] %s %s main\n' "$2" "$3" "$4" >"$d/sources.list"
	{
		# The host's own proxy and certificates
		apt-config dump | grep -E '^Acquire::(http|https)::' || :
		# Without parts: the hooks there delete what is downloaded.
		for p in main parts sourceparts preferences preferencesparts trusted trustedparts; do
			echo "Dir::Etc::$p \"/dev/null\";"
		done
		cat <<-END
			Dir::Etc::sourcelist "$d/sources.list";
			Dir::State "$d/state";
			Dir::State::lists "$d/state/lists";
			Dir::State::status "$d/status";
			Dir::Cache "$d/cache";
			Acquire::Languages "none";
			Acquire::Retries "1";
			Acquire::http::Timeout "30";
			Acquire::https::Timeout "30";
			APT::Sandbox::User "root";
		END
	} >"$d/apt.conf"
	export APT_CONFIG=$d/apt.conf
}

# find_debian DIRECTORY: an apt there that knows the package, and its version in
# DEBIAN_VERSION
find_debian() {
	local dir=$1 keyring mirrors mirror suite log=$CACHE/log/source.log reached='' dead=''

	mkdir -p "$CACHE/log"
	: >"$log"
	if ! have apt-get dpkg-deb; then
		die "There is no apt here, and only Debian's archive is known to carry a Linux 7.3 source." \
			"$(how_to_hand_one_in)"
	fi
	mapfile -t mirrors < <(debian_mirrors)
	((${#mirrors[@]})) || die "The apt sources of this machine name no Debian mirror, which is where a Linux 7.3 source is." \
		"$(how_to_hand_one_in)" "Or name a mirror: DEBIAN_MIRROR=http://..."
	keyring=$(debian_keyring "$dir")
	[[ $keyring ]] || die "Debian's keys are neither installed nor to be had from apt, so its source cannot be verified." \
		"Install the package debian-archive-keyring. Or:" "$(how_to_hand_one_in)"

	for mirror in "${mirrors[@]}"; do
		for suite in "${SUITES[@]}"; do
			_private_apt "$dir/apt" "$keyring" "$mirror" "$suite"
			# Without Error-Mode, a bad signature is only a warning.
			if ! apt-get -q -o APT::Update::Error-Mode=any update >"$dir/log" 2>&1; then
				cat "$dir/log" >>"$log"
				apt_had_no_network "$dir/log" || continue
				dead=y
				break
			fi
			reached=y
			DEBIAN_VERSION=$(apt-cache policy "$PACKAGE" | sed -nE 's/^ *Candidate: ([0-9].*)/\1/p')
			[[ ! $DEBIAN_VERSION ]] || return 0
		done
	done
	[[ $reached || ! $dead ]] || die "There is no network: none of ${mirrors[*]} can be reached, to get the kernel source." \
		"What apt says is in $log" "Without one: $(how_to_hand_one_in)"
	[[ $reached ]] || die "No Debian archive could be reached and trusted at ${mirrors[*]}" \
		"What apt says is in $log" "$(how_to_hand_one_in)" \
		"Or name a mirror of Debian: DEBIAN_MIRROR=http://..."
	die "Debian no longer carries $PACKAGE (looked in ${SUITES[*]} on ${mirrors[*]})." \
		"$(how_to_hand_one_in)"
}

_download() {
	cd "$1" && apt-get -q download "$PACKAGE"
}

# fetch_debian DIRECTORY: leaves source.deb there
fetch_debian() {
	local dir=$1

	step "Getting the Linux 7.3 source from Debian"
	find_debian "$dir"
	run_logged -h "Is there a network, and room in $CACHE?" \
		"$CACHE/log/source.log" "Downloading $PACKAGE $DEBIAN_VERSION" _download "$dir"
	mv "$dir/$PACKAGE"_*.deb "$dir/source.deb"
}

_unpack_deb() {
	dpkg-deb --fsys-tarfile "$1" |
		tar -x -O "./usr/src/$PACKAGE.tar.xz" |
		tar -x -J --no-same-owner --strip-components=1 -C "$2"
}

# unpack_debian PACKAGE DIRECTORY
unpack_debian() {
	step "Unpacking the kernel source (1.8 GB)"
	run_logged "$CACHE/log/source.log" "Unpacking the source" _unpack_deb "$@"
}
