#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# host.sh: a host with SME and no pools (cc_emulate=host). That is the user's choice: it is
# said what will fail, and NVMe, which reaches the bit of the encryption, works.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/drivers/devices.sh
. "$(dirname "$0")/../drivers/devices.sh"
# shellcheck source=tests/kselftest/shadow.sh
. "$DIR/shadow.sh"
start

without_pools() {
	load_device nvme
	[ "$MODULE" = builtin ] || must_load coherent_pool=0 || return
	expect_equal "sizes of the pools" "$(all_sizes)" "0 0 0"
	if [ "$MODULE" != builtin ]; then
		log_has "atomic pools disabled by coherent_pool=0, atomic coherent allocations of devices that cannot address encrypted memory"
	fi
	io_reset
	shadow_begin
	bind && quiet=yes io && unbind
	shadow_end
	msg "host: nvme without pools: $((verified >> 20)) MiB verified, $wrong bytes wrong"
	[ "$MODULE" = builtin ] || must_unload
}

add "no device is bound" unbind_all
add "NVMe without pools" without_pools
run_tests
