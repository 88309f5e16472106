# SPDX-License-Identifier: GPL-2.0
# check.awk HEADER DESCRIPTION: makes a C file of a description for syzkaller that does not
# compile unless the header has the same structures, ioctls and constants. What only the header
# has is an error in the file, too.

function error(text) {
	print "#error " text
}

# equal(A, B): A and B must be equal
function equal(a, b) {
	printf "_Static_assert(%s == %s, \"%s is not %s\");\n", a, b, a, b
}

# size(TYPE): the size of a type of the description, as a C expression
function size(type) {
	if (match(type, /^array\[int[0-9]+, /))
		return "(" substr(type, RLENGTH + 1, length(type) - RLENGTH - 1) ") * " \
			size(substr(type, 7, RLENGTH - 8))
	if (type ~ /^ptr64\[/)
		return 8
	if (type ~ /^fd_[a-z_]+(\[opt\])?$/)
		return 4
	sub(/^(const|flags|len)\[[^,]*, */, "", type)
	if (match(type, /^int(8|16|32|64)/))
		return substr(type, 4, RLENGTH - 3) / 8
	return "unknown_type"
}

BEGIN {
	print "#include <stddef.h>\n#include <linux/vfence.h>"
}

# The header
NR == FNR && /^struct vfence_[a-z_]+ \{$/ { wanted["struct " $2] = 1 }
NR == FNR && /^#define[ \t]+VFENCE_IOC_/ && $2 != "VFENCE_IOC_MAGIC" { wanted[$2] = 1 }
NR == FNR && /^#define[ \t]+VFENCE_(KIND|SUBMIT|OUT|SIGNAL|COMBINE|USAGE)_/ { wanted[$2] = 1 }
NR == FNR { next }

# The description
/^#/ { next }

{
	for (rest = $0; match(rest, /VFENCE_[A-Z_]+/); rest = substr(rest, RSTART + RLENGTH)) {
		name = substr(rest, RSTART, RLENGTH)
		# The names of its ioctls begin so, too.
		if (substr(rest, RSTART - 1, 1) == "$")
			continue
		delete wanted[name]
		if (!(name in used))
			printf "static const unsigned long long use_%s = %s;\n", name, name
		used[name] = 1
	}
}

/^ioctl\$/ {
	cmd = $0
	sub(/.*cmd const\[/, "", cmd)
	sub(/\].*/, "", cmd)
	if (!match($0, /arg ptr\[(in|out|inout), [a-z0-9_]+\]/))
		error("this is no ioctl: " $0)
	split(substr($0, RSTART + 8, RLENGTH - 9), part, /, /)
	equal("_IOC_SIZE(" cmd ")", part[2] == "int32" ? 4 : "sizeof(struct " part[2] ")")
	equal("_IOC_DIR(" cmd ")", part[1] == "in" ? "_IOC_WRITE" : "(_IOC_READ | _IOC_WRITE)")
	if ("ioctl$" cmd != substr($0, 1, index($0, "(") - 1))
		error("this is not called by its name: " cmd)
}

/^vfence_[a-z_]+ \{$/ {
	structure = "struct " $1
	delete wanted[structure]
	offset = "0"
	next
}

structure && /^\}$/ {
	equal("sizeof(" structure ")", offset)
	structure = ""
}

structure {
	field = $1
	type = $0
	sub(/^[ \t]*[a-z_]+[ \t]+/, "", type)
	sub(/[ \t]+\((in|out|inout)\)$/, "", type)
	equal("offsetof(" structure ", " field ")", offset)
	equal("sizeof(((" structure " *)0)->" field ")", size(type))
	offset = offset " + " size(type)
}

END {
	delete wanted["VFENCE_KIND_UNUSED"]
	for (name in wanted)
		error("this is not described: " name)
}
