# SPDX-License-Identifier: GPL-2.0
#
# sites.awk -v module=NAME: from what `addr2line -ai` says of the calls of KCOV in a module: the
# module, the section, where in that, and the file and line: the innermost of ours.

/^0x/ {
	offset = substr($1, 3)
	sub(/^0+/, "", offset)
	next
}

offset != "" && match($1, /rust\/(dma_buf|vfence)\/.*\.rs:[1-9]/) {
	print module, ".text", offset, substr($1, RSTART)
	offset = ""
}
