# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How the tables of tests are read, on the host and in guests; table.py is the same
# for Python. What the fields mean is for those who read a table.
#
# A row is a line; empty lines and those that begin with "#" are none. A "|" with
# nothing but blanks or the end of the line beside it separates fields; any other is
# a part of the text. Blanks around a field are not part of it.

# read_row NAME...: sets the variables NAME to the fields of the next row on stdin; a
# NAME with a "?" need not be there. Fails at the end. A row with more or fewer fields
# ends the script: what is not understood must not be left out.
read_row() {
	local line row field name
	local -a values
	while IFS= read -r line; do
		row=" ${line//[$'\t\r']/ } "
		[[ $row == *[!\ ]* && $row != ' #'* ]] || continue
		values=()
		while [[ $row == *' | '* ]]; do
			values+=("${row%%' | '*}")
			row=" ${row#*' | '}"
		done
		values+=("$row")
		for name; do
			if [ ${#values[@]} = 0 ] && [[ $name != *'?' ]]; then
				echo "this row has no '$name': $line" >&2
				exit 2
			fi
			read -r field <<<"${values[0]:-}"
			printf -v "${name%'?'}" %s "$field"
			values=("${values[@]:1}")
		done
		[ ${#values[@]} = 0 ] || { echo "this row has more than $*: $line" >&2; exit 2; }
		return 0
	done
	return 1
}
