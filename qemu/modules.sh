# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Which modules go into the guest; sourced by qemu/vm.

# What the module loader takes for any module.
LOADER_PARAMETERS=(async_probe dyndbg)

# module_path NAME: sets REPLY to its file; the project's modules come first
module_path() {
	local name=${1//-/_} candidate why

	REPLY=''
	if [[ $1 == @(*/*|*.ko) ]]; then
		REPLY=$1
		[[ -f $1 ]] || quit 65 "there is no module $1"
		return
	fi
	if [[ $name == dma_buf_rs && ! ${MODULE_FILES+set} ]]; then
		REPLY=$("$ROOT/scripts/modules" --library "$FLAVOUR")/dma_buf_rs.ko ||
			quit 69 "the library does not build (see above)"
		return
	fi
	if [[ ! ${MODULE_FILES+set} ]]; then
		MODULE_FILES=()
		if [[ -x $ROOT/scripts/modules ]]; then
			MODULE_DIR=$("$ROOT/scripts/modules" "$FLAVOUR") ||
				quit 69 "the modules do not build (see above)"
			mapfile -t MODULE_FILES < <(find "$MODULE_DIR" -name '*.ko')
		fi
		while read -r candidate; do
			MODULE_FILES+=("$KERNEL_TREE/${candidate%.o}.ko")
		done < <(sed 's/\.ko$/.o/' "$KERNEL_TREE/modules.order")
	fi
	for candidate in "${MODULE_FILES[@]}"; do
		REPLY=${candidate##*/} REPLY=${REPLY%.ko}
		[[ ${REPLY//-/_} == "$name" ]] || continue
		REPLY=$candidate
		return
	done
	[[ $1 != vgpu ]] || why=$("$ROOT/scripts/probe" "$KERNEL_TREE" vgpu) ||
		quit 65 "vgpu cannot be built for $KERNEL_TREE: $why"
	quit 65 "there is no module $1, neither of this project nor in $KERNEL_TREE"
}

# parameters_of FILE: sets REPLY to their names, with underscores for dashes
parameters_of() {
	REPLY=$({ modinfo -F parm "$1" && modinfo -F parmtype "$1"; } |
		sed -nE 's/^([A-Za-z0-9_.-]+):.*/\1/p' | tr - _ | sort -u | paste -sd' ')
}

# check_parameters FILE PARAMETERS: the kernel only logs a name that it does not know,
# and goes on without the parameter.
check_parameters() {
	local rest=$2 word name known module=${1##*/}

	parameters_of "$1"
	known=$REPLY
	# As the kernel splits them: at spaces that are not between double quotes.
	while [[ $rest =~ ^\ *(([^\" ]|\"[^\"]*(\"|$))+) ]]; do
		rest=${rest#"${BASH_REMATCH[0]}"}
		word=${BASH_REMATCH[1]#\"}
		name=${word%%=*}
		[[ " $known ${LOADER_PARAMETERS[*]} " != *" ${name//-/_} "* ]] || continue
		quit 65 "${module%.ko} has no parameter '$name', but: ${known:-none}"
	done
}

# add_module NAME [PARAMETERS]: with what it depends on before it
add_module() {
	local path deps dep name

	module_path "$1"
	path=$REPLY
	name=${path##*/}
	if [[ ${ADDED["$name"]+set} ]]; then
		[[ ! ${2:-} || ${ADDED["$name"]} == "$2" ]] ||
			usage "--module \"$1 $2\" comes too late: ${name%.ko} is already to be loaded without that"
		return
	fi
	ADDED["$name"]=${2:-}
	deps=$(modinfo -F depends "$path") || quit 65 "$path is not a module"
	[[ ! ${2:-} ]] || check_parameters "$path" "$2"
	for dep in ${deps//,/ }; do
		# One that was given by its path is not looked for.
		[[ ${ADDED["$dep.ko"]+set} ]] || add_module "$dep" ''
	done
	path=$(realpath "$path")
	ln -s "$path" "$TMP/modules/$name"
	strip_module "$path" "$TMP/root/lib/modules/$name"
	printf '/lib/modules/%s%s\n' "$name" "${2:+ $2}" >>"$TMP/root/vm/modules"
}

# strip_module FILE DST: without line tables, which are several times the module
strip_module() {
	cp -p "$1" "$2"
	"$(binutil strip)" --strip-debug "$2" 2>"$TMP/strip" ||
		quit 65 "$1 is not a module: $(head -n 1 "$TMP/strip")"
}

# add_modules: those that were asked for
add_modules() {
	local m
	declare -gA ADDED=()

	for m in "${MODULES[@]}"; do
		if [[ $m == *' '* ]]; then
			add_module "${m%% *}" "${m#* }"
		else
			add_module "$m" ''
		fi
	done
}
