#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tool.sh [NAME...]: what tools/dma-pools records of each driver of devices.table, or of
# those that are named, from binding to unbinding, on the pools in C and on those in Rust.
# It has to agree with probes of our own (count.sh) and with the figures of the pools, and
# to leave nothing behind. Then drivers, and the request that made one fail in 2020, on
# pools of the size that the tool suggests: nothing fails or grows.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/drivers/devices.sh
. "$(dirname "$0")/devices.sh"
# shellcheck source=tests/drivers/count.sh
. "$(dirname "$0")/count.sh"
tool=$(dirname "$0")/../../tools/dma-pools
out=/tmp/tool
start

# Of all pools: drivers here ask for the memory of one zone.
sum() { awk -F= -v name="$1" '$1 ~ "^(kernel|dma|dma32)_" name "$" { n += $2 } END { printf "%.0f\n", n }' "$out.recording"; }
# The same of the pools' own figures.
sum_of_stats() { awk -F= -v name="$1" '$1 ~ "^(kernel|dma|dma32)_" name "$" { n += $2 } END { printf "%.0f\n", n }' "$POOLS/stats"; }
# As if nothing had been out until now; nothing is.
forget_peak() { for file in "$POOLS"/*/used_hiwater; do [ ! -e "$file" ] || echo 0 >"$file"; done; }
recording() { grep -q 'recording for' "$out.err"; }

record_begin() {
	: >"$out.err"
	"$tool" --record 900 -o "$out.recording" >"$out.txt" 2>"$out.err" &
	tool_pid=$!
	wait_for 60 recording || fail_with "dma-pools does not record: $(cat "$out.err")"
}
record_leaves_nothing() {
	[ -z "$(ls "$TRACING/instances")" ] || fail_with "it left a trace instance behind"
	! grep -q dma_pools_ "$TRACING/kprobe_events" || fail_with "it left probes behind"
	! pgrep -x sleep >/dev/null || fail_with "it left a process behind"
}
record_end() {
	local status=0
	kill "$tool_pid"
	wait "$tool_pid" || status=$?
	sed 's/^/# | /' "$out.txt"
	[ $status = 0 ] || fail_with "dma-pools ended with status $status: $(cat "$out.err")"
	record_leaves_nothing
}

# The most pages that were out at a time, by the probes of count.sh. All blocks of NVMe
# have one page.
pages_at_peak() {
	awk '
		/ alloc: .*page=0x0$/ { next }
		/ alloc: / { if (++now > most) most = now }
		/ free: | free_page: / { now-- }
		END { print most + 0 }' "$TRACING/trace"
}

recorded() { # DEVICE c|module|builtin
	local pages size
	load_device "$1"
	case $2 in
	c) fresh_c_pools ;;
	module) must_load ;;
	builtin) fresh_builtin_pools ;;
	esac || return
	io_reset
	count_begin
	forget_peak
	record_begin || return
	bind && io
	unbind
	record_end
	pages=$(pages_at_peak)
	sizes
	size=$((size_kernel + size_dma + size_dma32))
	count_end
	expect_equal "the allocations it saw" "$(sum allocs)" "$allocs"
	expect_equal "the frees it saw" "$(sum frees)" "$frees"
	expect_equal "the failures it saw" "$(sum failed_full)" "$failed"
	expect_equal "the bytes out at the end" "$(sum used)" 0
	expect_equal "the size of the pools" "$(sum size)" "$size"
	if [ "$1" = nvme ]; then
		expect_equal "the peak" "$(sum used_hiwater)" $((pages * PAGE))
	fi
	if [ "$2" != c ]; then
		expect_equal "the peak, by the pools themselves" "$(sum used_hiwater)" "$(sum_of_stats used_hiwater)"
	fi
	if [ "$allocs" -gt 0 ]; then
		grep -q "^device=$address .*allocs=$allocs frees=$frees " "$out.recording" || fail_with "the device's line is not as it should be"
		grep -q '^coherent_pool=' "$out.txt" || fail_with "no value is suggested"
	else
		grep -q '^# nobody used the pools' "$out.txt" || fail_with "it does not say that nobody used the pools"
	fi
	if [ "$2" = module ]; then
		must_unload
	fi
}

# As when ssh loses its connection.
hang_up() {
	record_begin || return
	kill -HUP "$tool_pid"
	wait "$tool_pid"
	expect_equal "its status" $? 129
	record_leaves_nothing
}

# On pools of the value in $out.recording a command fails for nobody, and nothing grows.
fits() { # COMMAND...
	local value before
	value=$("$tool" --suggest "$out.recording" --for rust | grep -v '^#')
	msg "$value"
	must_load "$value" || return
	before=$(all_sizes)
	"$@"
	expect_equal "the failures with $value" $(($(sum_of_stats failed_full) + $(sum_of_stats failed_mask))) 0
	expect_equal "the growths with $value" "$(sum_of_stats growths)" 0
	expect_equal "the sizes with $value" "$(all_sizes)" "$before"
}

driver_fits() { # DEVICE
	load_device "$1"
	# At most eight requests at a time, so that both rounds ask for about the same.
	[ "$1" != nvme ] || fio='--bs=512k --numjobs=1 --iodepth=8'
	must_load || return
	io_reset
	record_begin || return
	bind && io
	unbind
	record_end
	must_unload
	quiet=yes fits bind_and_io
	unbind
	must_unload
}
bind_and_io() { bind && io; }

# 172,928 bytes at once, which a pool of 128 KiB cannot have, however often they are
# asked for.
case_of_2020() {
	fresh_c_pools || return
	record_begin || return
	for _ in 1 2 3; do
		! hold 1 172928 kernel || fail_with "the pools in C serve it"
	done
	record_end
	grep -q '^coherent_pool=256K$' "$out.txt" || fail_with "coherent_pool=256K is not suggested"
	fits must_hold
	grep -q '^kernel_size=262144$' "$POOLS/stats" || fail_with "the kernel pool has not the 256K that are asked for"
	free_held
	must_unload
}
must_hold() { hold 1 172928 kernel || fail_with "it is not served"; }

add_devices recorded "$@"
add "a recording that is hung up" hang_up
if [ "$MODULE" != builtin ]; then
	for name in nvme xhci uhci; do
		load_device "$name"
		[ ! -e "/sys/bus/pci/devices/$address" ] || add "$name fits" driver_fits "$name"
	done
	[ "$PAGE" != 4096 ] || add "the case of 2020" case_of_2020
fi
run_tests
