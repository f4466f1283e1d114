#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# takeover.sh: the module comes and goes while NVMe is at work. Blocks that C
# handed out go back to C, new ones come from the module, which stays for as long
# as the driver has one of its blocks.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/drivers/devices.sh
. "$(dirname "$0")/devices.sh"
# shellcheck source=tests/drivers/count.sh
. "$(dirname "$0")/count.sh"
start module
load_device nvme

# Requests of one block at a time need few lists; the rest of the row many.
few='--bsrange=16k-64k --numjobs=1 --iodepth=1 --io_size=64m'
many=$fio

takeover() {
	local from_c from_rust
	io_reset
	unbind
	fresh_c_pools
	count_begin
	bind || return
	fio=$few
	io_background
	wait_for 120 allocated || fail_with "$driver takes nothing from C"
	sleep 1
	count_now
	from_c=$allocs
	must_load || return
	io_running || fail_with "the I/O was over before insmod"
	io_join
	fio=$many
	io
	count_now
	from_rust=$((allocs - from_c))
	msg "$from_c blocks from C, then $from_rust from the module; $((verified >> 20)) MiB verified"
	[ "$from_rust" -gt 0 ] || fail_with "no block came from the module"
	expect_equal "blocks taken back while $driver is bound" "$frees" 0
	! unload || fail_with "the module goes while $driver has its blocks"
	[[ $output == *'in use'* ]] || fail_with "rmmod says '$output'"
	unbind
	count_end
	expect_equal "blocks taken back" "$frees" "$allocs"
	must_unload
	bind && unbind
}
allocated() { count_now; [ "$allocs" -gt 0 ]; }

# Both ways, again and again. Whether rmmod is refused depends on what the driver
# has just then; what it reads back does not.
coming_and_going() {
	local loads=0 unloads=0 refused=0 before
	fio=$many
	bind || return
	io_reset
	before=$(sectors_written)
	io_background
	wait_for 120 is_writing "$before" || fail_with "nothing is written"
	while io_running; do
		! load || loads=$((loads + 1))
		sleep 0.3
		if unload; then unloads=$((unloads + 1)); else refused=$((refused + 1)); fi
		sleep 0.1
	done
	io_join
	msg "$loads times loaded, $unloads times unloaded and $refused times refused; $((verified >> 20)) MiB verified"
	[ $loads -gt 0 ] || fail_with "the module was not loaded meanwhile"
	unbind
	! loaded || must_unload
}

sectors_written() { awk '{ print $7 }' "/sys/block/${disk#/dev/}/stat"; }
is_writing() { [ "$(sectors_written)" -gt "$1" ]; } # SECTORS-BEFORE

# Without pools a request that needs a list waits, and goes on when there are
# pools again; one that needs none does not care.
without_pools() {
	local size quiet=yes
	must_load coherent_pool=0 || return
	log_has "atomic pools disabled by coherent_pool=0" "NVMe PRP lists"
	bind || return
	io_reset
	for size in 4k 8k; do
		fio="--bs=$size --numjobs=1 --iodepth=4 --io_size=8m"
		io
	done
	msg "requests of 4 and 8 KiB: $((verified >> 20)) MiB verified"
	fio='--bs=64k --numjobs=1 --iodepth=4'
	io_background
	wait_for 120 is_refused || fail_with "no request was refused"
	sleep 1
	io_running || fail_with "requests of 64 KiB do not wait for a pool"
	msg "requests of 64 KiB wait; refused: $(cat "$POOLS/disabled_allocs")"
	expect_warnings 0-1000 "DMA pool exhausted for $address" pools_return || return
	msg "with pools again: $((verified >> 20)) MiB verified"
	unbind
}

is_refused() { [ "$(cat "$POOLS/disabled_allocs")" -gt 0 ]; }
pools_return() { must_unload && io_join; }

add "no device is bound" unbind_all
add "insmod while NVMe is at work" takeover
add "insmod and rmmod while NVMe is at work" coming_and_going
add "coherent_pool=0: NVMe waits, and goes on with pools" without_pools
run_tests
