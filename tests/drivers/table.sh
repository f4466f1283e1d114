# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those that source this
#
# How a row of devices.table is read, on the host and in the guest.

# Reads the next row from stdin; fails at the end.
read_device() {
	local line
	while IFS= read -r line; do
		[[ $line != '#'* && $line == *'|'* ]] || continue
		IFS='|' read -r device driver slot disk_size pools warns qemu fio <<<"$line"
		read -r device <<<"$device"
		read -r driver <<<"$driver"
		read -r slot <<<"$slot"
		read -r disk_size <<<"$disk_size"
		read -r pools <<<"$pools"
		read -r warns <<<"$warns"
		return 0
	done
	return 1
}
