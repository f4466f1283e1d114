# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # used by those that source this; set by read_row
#
# What a row of boots.table means, for the host and for the guest; how it is cut into
# fields is in tests/lib. read_boot sets
#   row_memory row_args row_expected row_builtin   as written
#   row_boot   the kernel parameters of its boot
#   boot_name, row_name   what both are called in reports

# shellcheck source=tests/lib/table.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../lib/table.sh"

# Reads the next row from stdin; fails at the end.
read_boot() {
	while read_row row_memory row_boot row_args row_expected 'row_builtin?'; do
		case $row_args in
		c) row_name="C pools" ;;
		-) row_name="module" ;;
		*) row_name="module '$row_args'" ;;
		esac
		if [ "${DMA_POOL_MODULE:-}" = builtin ]; then
			[[ $row_args != c && $row_builtin != - ]] || continue
			row_name="built in"
			if [ "$row_args" != - ]; then
				row_name="built in, '$row_boot' and '$row_args'"
				row_boot="${row_boot:+$row_boot }$row_args"
			fi
		fi
		boot_name="$row_memory, kernel '$row_boot'"
		return 0
	done
	return 1
}
