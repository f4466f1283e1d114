#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sizes.sh: pools of the sizes that boards use, with NVMe at work on them: as
# large as asked, from the zone asked, and used.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/drivers/devices.sh
. "$(dirname "$0")/devices.sh"
# shellcheck source=tests/drivers/count.sh
. "$(dirname "$0")/count.sh"
start module zones
load_device nvme

# PARAMETER | sizes of kernel, dma, dma32 | pool that NVMe's lists are in
# any: so small that the others help out until the first has grown
rows='
coherent_pool=64K    | 64K 64K 64K | any
coherent_pool=16M    | 16M 16M 16M | kernel
coherent_pool=dma:8M | 0   8M  0   | dma
coherent_pool=dma32  | 0   0   D   | dma32
'

size_row() { # PARAMETER SIZES POOL
	local -a sizes have after
	local i=0 pool
	read -r -a sizes <<<"${2//D/$(default_size)}"
	must_load "$1" || return
	read -r -a have <<<"$(all_sizes)"
	for pool in $ZONES; do
		expect_equal "the $pool pool" "${have[i]}" "$(bytes "${sizes[i]}")"
		i=$((i + 1))
	done
	io_reset
	count_begin
	bind && io
	count_now
	read -r -a after <<<"$(all_sizes)"
	msg "$((allocs - frees)) blocks out, sizes ${have[*]}, after I/O ${after[*]}, $((verified >> 20)) MiB verified"
	[ "$allocs" -gt 0 ] || fail_with "nothing was taken from the pools"
	expect_equal "requests served by the module" "$by_rust" "$allocs"
	i=0
	for pool in $ZONES; do
		# Only the pool in use may have grown.
		[[ $3 == any || $3 == "$pool" ]] || expect_equal "the $pool pool after I/O" "${after[i]}" "${have[i]}"
		i=$((i + 1))
	done
	unbind
	count_end
	expect_equal "blocks taken back" "$frees" "$allocs"
	must_unload
}

add "no device is bound" unbind_all
while IFS='|' read -r parameter sizes pool; do
	[ -n "$sizes" ] || continue
	read -r parameter <<<"$parameter"
	read -r pool <<<"$pool"
	add "$parameter" size_row "$parameter" "$sizes" "$pool"
done <<<"$rows"
run_tests
