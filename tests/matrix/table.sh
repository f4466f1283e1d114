# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those that source this
#
# How a row of boots.table is read, for the host and for the guest. Sets
#   row_memory row_args row_expected row_builtin   as written, trimmed
#   row_boot   the kernel parameters of its boot
#   row_name   what it is called in reports

trimmed() { read -r REPLY <<<"$1" || :; }

# Reads the next row from stdin; fails at the end.
read_row() {
	local line fields
	while IFS= read -r line; do
		[[ $line != '#'* && $line == *'|'* ]] || continue
		# The log's texts have | in them: what matters is " | ".
		line=${line// | /$'\a'}
		line=${line//| /$'\a'}
		IFS=$'\a' read -r -a fields <<<"$line"
		trimmed "${fields[0]}"; row_memory=$REPLY
		trimmed "${fields[1]}"; row_boot=$REPLY
		trimmed "${fields[2]}"; row_args=$REPLY
		trimmed "${fields[3]}"; row_expected=$REPLY
		trimmed "${fields[4]:-}"; row_builtin=$REPLY
		row_name="$row_memory, kernel '$row_boot'"
		case $row_args in
		c) row_name+=", C pools" ;;
		-) row_name+=", module" ;;
		*) row_name+=", module '$row_args'" ;;
		esac
		if [ "${DMA_POOL_MODULE:-}" = builtin ]; then
			[[ $row_args != c && $row_builtin != - ]] || continue
			[ "$row_args" = - ] || row_boot="$row_boot $row_args"
			trimmed "$row_boot"; row_boot=$REPLY
		fi
		return 0
	done
	return 1
}
