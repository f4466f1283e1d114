#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# integrity.sh [SECONDS]: what NVMe reads back is what it wrote, while pools grow
# from next to nothing, while hardly any memory is left, and while allocations
# fail by injection. Boot it with cma=0, as injection refuses no memory of CMA.
# With SECONDS, only the plain round, again and again for so long. Errors that
# drivers report would be theirs to report; there are none.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/drivers/devices.sh
. "$(dirname "$0")/devices.sh"
# shellcheck source=tests/drivers/count.sh
. "$(dirname "$0")/count.sh"
start module
load_device nvme
many=$fio
faults=$DEBUGFS/fail_page_alloc
many_times=1000000000
# A page, and so little more that it takes several pieces to get there.
SMALLEST=coherent_pool=$((PAGE / 1024))K-$((PAGE / 64))K

# round WHAT: NVMe from nothing to nothing, on the smallest pools there can be.
round() {
	io_reset
	must_load "$SMALLEST" || return
	count_begin
	bind && io
	msg "sizes after I/O: $(all_sizes)"
	unbind
	count_end
	msg "$1: $allocs blocks, $failed refused, $frees taken back, grown $chunks times; $((verified >> 20)) MiB verified, $wrong wrong"
	expect_equal "blocks taken back" "$frees" "$allocs"
	[ "$chunks" -gt 0 ] || fail_with "the pools did not grow"
	must_unload
}

growing() { fio=$many; round "growing"; }

# All but so many MiB of memory in files that cannot go anywhere. What is available is
# the kernel's estimate, which rises while others give up caches: what is left is taken
# by halves.
hog() { # MIB
	local left file
	settle
	mount -t tmpfs -o size=100% tmpfs /mnt || return
	left=$(available)
	[ "$left" -gt "$1" ] || return
	dd if=/dev/zero of=/mnt/hog bs=1M count=$((left - $1)) status=none
	for file in 1 2 3 4; do
		left=$(available)
		[ "$left" -ge $(($1 + 48)) ] || break
		dd if=/dev/zero of=/mnt/hog$file bs=1M count=$(((left - $1) / 2)) status=none
	done
	msg "$left MiB of memory left"
	[ "$left" -lt $(($1 + 48)) ] || fail_with "there is more memory left than $1 MiB"
}
available() { echo $(($(meminfo MemAvailable) / 1048576)); }

short_of_memory() {
	fio='--bsrange=4k-512k --numjobs=1 --iodepth=32'
	hog 48 || fail_with "the memory could not be taken"
	round "short of memory"
	umount /mnt
}

# inject MIN-ORDER PROBABILITY: of all allocations, those that may wait, too; or,
# for order 0, only those of kernel threads. Pools grow in one.
inject() {
	local task
	echo 0 >"$faults/verbose"
	echo N >"$faults/ignore-gfp-wait"
	echo "$1" >"$faults/min-order"
	echo $many_times >"$faults/times"
	if [ "$1" = 0 ]; then
		# Inherited by those that kthreadd (2) makes from now on.
		for task in 2 $(pgrep -P 2 kworker); do
			echo 1 2>/dev/null >"/proc/$task/make-it-fail"
		done
		echo Y >"$faults/task-filter"
	else
		echo N >"$faults/task-filter"
	fi
	echo "$2" >"$faults/probability"
}

# Of few allocations none may be chosen.
failing() { # MIN-ORDER PROBABILITY WHAT [MORE-GROWTHS-THAN]
	local injected=0 rounds=0
	while [ "$injected" = 0 ] && [ $rounds -lt 5 ]; do
		failing_round "$@" || return
		rounds=$((rounds + 1))
	done
	[ "$injected" -gt 0 ] || fail_with "no allocation failed in $rounds rounds"
}

failing_round() { # MIN-ORDER PROBABILITY WHAT [MORE-GROWTHS-THAN]
	fio=$many
	io_reset
	must_load "$SMALLEST" || return
	count_begin
	bind || return
	inject "$1" "$2"
	io
	echo 0 >"$faults/probability"
	injected=$((many_times - $(cat "$faults/times")))
	msg "sizes after I/O: $(all_sizes)"
	unbind
	count_end
	msg "$3: $injected allocations failed; $allocs blocks, $failed refused, $frees taken back, grown $chunks times; $((verified >> 20)) MiB verified, $wrong wrong"
	expect_equal "blocks taken back" "$frees" "$allocs"
	[ "$allocs" -gt 0 ] || fail_with "the driver took nothing from the pools"
	# Where there are only single pages, page by page.
	[ "$chunks" -gt "${4:-0}" ] || fail_with "the pools grew $chunks times"
	must_unload
}

for_so_long() { # SECONDS
	local end=$((SECONDS + $1)) rounds=0
	fio=$many
	io_reset
	must_load "$SMALLEST" || return
	while [ $SECONDS -lt $end ] && [ ${#reasons[@]} = 0 ]; do
		bind && io
		unbind
		rounds=$((rounds + 1))
	done
	msg "$rounds rounds in $1 seconds; $((verified >> 20)) MiB verified, $wrong wrong"
	[ $rounds -gt 0 ] || fail_with "not one round"
	must_unload
}

add "no device is bound" unbind_all
if [ $# -gt 0 ]; then
	add "verified I/O for $1 seconds" for_so_long "$1"
else
	add "while pools grow" growing
	add "while memory is short" short_of_memory
	[ -d "$faults" ] || bail "this kernel has no fault injection"
	add "while only single pages are to be had" failing 1 100 "only single pages" 3
	add "while half of what kernel threads ask for fails" failing 0 50 "half of it fails"
	trap 'echo 0 >"$faults/probability"; finish' EXIT
fi
run_tests
