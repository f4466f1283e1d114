#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# needs.sh: what NVMe takes from the pools in an encrypted guest, by the size of its
# requests and how many are under way, and what swiotlb has to hold meanwhile. Pools of
# the size that was seen have to do for the same load again: no request may fail. For
# the module; prints a table ("needs: ..."). Boot it with swiotlb=force,track_hiwater.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/drivers/devices.sh
. "$(dirname "$0")/../drivers/devices.sh"
start module

SWIOTLB=$DEBUGFS/swiotlb
row='needs: %-8s %6s %6s %12s %12s %14s\n'

used() { figure kernel used_hiwater; }

run_fio() { # SIZE DEPTH JOBS
	fio="--bs=$1 --iodepth=$2 --numjobs=$3"
	io_reset
	bind && io && unbind
}

needs() { # SIZE DEPTH JOBS
	local peak copied others
	load_device nvme
	must_load coherent_pool=4M || return
	others=$(cat "$SWIOTLB/io_tlb_used")
	echo 0 >"$SWIOTLB/io_tlb_used_hiwater"
	run_fio "$@" || fail_with "the load failed"
	peak=$(used)
	copied=$((($(cat "$SWIOTLB/io_tlb_used_hiwater") - others) * 2))
	# shellcheck disable=SC2059
	printf "# $row" "$1" "$2" "$3" "$((peak >> 10))" "$copied" "$((verified >> 20))M"
	[ "$copied" -gt 0 ] || fail_with "nothing passed through swiotlb"
	must_unload
	[ "$peak" -gt 0 ] || peak=$PAGE
	must_load "coherent_pool=$((peak / 1024))K-8M" || return
	run_fio "$@" || fail_with "the load failed with pools of $peak bytes"
	expect_equal "requests that failed with pools of $peak bytes" "$(figure kernel failed_full)" 0
	must_unload
}

add "no device is bound" unbind_all
for size in 4k 64k 512k 2m; do
	for depth in 8 64; do
		add "$size, $depth under way" needs $size $depth 2
	done
done
# shellcheck disable=SC2059
printf "# $row" request depth jobs "pool KiB" "swiotlb KiB" verified
run_tests
