# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The kernel source from a tarball that the user hands in. Sourced by source.

# Who signs releases of Linux: the primary keys of Greg Kroah-Hartman, Sasha
# Levin and Linus Torvalds, as kernel.org lists them.
RELEASE_KEYS=(
	647F28654894E3BD457199BE38DBBDC86092693E
	E27E5D8A3403A2EF66873BBCDEA66FF797772CDC
	ABAF11C65A2970B130ABE3C479BE3E4300411886
)

# decompress FILE
decompress() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

ANSWER="If you have checked it yourself, say so: KSRC_SHA256=<its sha256>, or KSRC_UNVERIFIED=1."

# What is signed is the tar, not the compressed file.
signature_of() {
	echo "${1%.[xg]z}.sign"
}

# must_be_verifiable FILE: dies if there is nothing to verify it by; needs no time
must_be_verifiable() {
	local sign

	[[ ! ${KSRC_SHA256:-} && ${KSRC_UNVERIFIED:-} != 1 ]] || return 0
	sign=$(signature_of "$1")
	[[ -f $sign ]] ||
		die "There is no signature $sign beside the tarball, so it is not used." \
			"kernel.org has it next to the tarball." "$ANSWER"
	have gpg || die "gpg is not installed, so the signature of the tarball cannot be checked." \
		"Install gnupg." "$ANSWER"
}

# verify_tarball FILE: dies unless a release key signed it, or the user answers
# for it.
verify_tarball() {
	local file=$1 sign status key

	if [[ ${KSRC_SHA256:-} ]]; then
		step "Checking the SHA-256 of $file"
		[[ $(sha256sum <"$file") == "${KSRC_SHA256,,}  -" ]] ||
			die "$file does not have the SHA-256 that KSRC_SHA256 gives."
		return
	fi
	if [[ ${KSRC_UNVERIFIED:-} == 1 ]]; then
		say "warning: $file is used unverified, as KSRC_UNVERIFIED=1 asks"
		return
	fi
	must_be_verifiable "$file"
	sign=$(signature_of "$file")

	step "Verifying the signature of $file"
	status=$(decompress "$file" |
		HOME=$(home) gpg --batch --status-fd 1 --verify "$sign" - 2>/dev/null) || :
	# The last field is the primary key, whichever subkey signed.
	key=$(sed -nE 's/^\[GNUPG:\] VALIDSIG .* ([0-9A-F]{40})$/\1/p' <<<"$status")
	if [[ $status == *NO_PUBKEY* ]]; then
		die "Your keyring does not hold the key that signed $file." \
			"Get it as kernel.org describes: gpg --locate-keys gregkh@kernel.org sashal@kernel.org" "$ANSWER"
	fi
	[[ $key && $status != *REVKEYSIG* ]] || die "The signature $sign does not fit $file." "$ANSWER"
	[[ " ${RELEASE_KEYS[*]} " == *" $key "* ]] ||
		die "$file is signed, but by $key, which is not a release key of Linux." "$ANSWER"
}

_unpack_tar() {
	decompress "$1" | tar -x --no-same-owner --strip-components=1 -C "$2"
}

# unpack_tarball FILE DIRECTORY
unpack_tarball() {
	step "Unpacking the kernel source (1.8 GB)"
	run_logged "$CACHE/log/source.log" "Unpacking $1" _unpack_tar "$@"
}
