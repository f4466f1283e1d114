# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those that source this
#
# The fields of a row of devices.table, for the host and for the guest; how it is cut
# into them is in tests/lib.

# shellcheck source=tests/lib/table.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../lib/table.sh"

# Reads the next row from stdin; fails at the end.
read_device() { read_row device driver slot disk_size pools warns qemu fio; }
