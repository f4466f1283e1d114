#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# record.sh [NAME...]: what the drivers of devices.table, or those that are named, ask
# of the C pools and give back, from binding to unbinding, in the words of the
# kselftests' sequences/. That is how the recorded ones there were made; no test.
#
# OPS says after how many requests and frees of the I/O a recording is cut off
# (default 400); what is still out then goes back in the order of the requests.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/drivers/devices.sh
. "$(dirname "$0")/devices.sh"
# shellcheck source=tests/drivers/count.sh
. "$(dirname "$0")/count.sh"
start

# The events of the trace as words, the same ones in a row as one.
words() {
	awk -v ops="${OPS:-400}" '
	function value(name) {
		match($0, " " name "=[^ ]*")
		return substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 2)
	}
	function say(word) {
		if (word == last) { times++; return }
		if (last != "") printf("%s%s%s", last, (times > 1 ? "*" times : ""), (++column % 12 ? " " : "\n"))
		last = word
		times = 1
	}
	said >= ops { next }
	/ alloc: / {
		said++
		say("+" value("size"))
		if (value("page") != "0x0")
			by_addr[value("cpu")] = by_page[value("page")] = requests + 0
		requests++
		if (requests % 64 == 0) say("?")
	}
	/ free: / && (value("addr") in by_addr) {
		said++
		say("-" by_addr[value("addr")])
		delete by_addr[value("addr")]
	}
	/ free_page: / && (value("page") in by_page) {
		said++
		say("-" by_page[value("page")])
		delete by_page[value("page")]
	}
	END { say("?"); say("-all"); say("?"); say(""); print "" }' "$tracing/trace"
}

record() { # DEVICE
	load_device "$1"
	fresh_c_pools || return
	io_reset
	count_begin
	# The same events with what was asked for
	echo 0 >"$tracing/events/pools/enable"
	echo >"$tracing/kprobe_events"
	# shellcheck disable=SC2016 # the kernel expands it
	probe 'r64:pools/alloc dma_alloc_from_pool size=$arg2:u64 page=$retval cpu=+0($arg3):x64'
	# shellcheck disable=SC2016
	probe 'r64:pools/free __dma_free_from_pool addr=$arg2:x64 freed=$retval:u8'
	# shellcheck disable=SC2016
	probe 'r64:pools/free_page __dma_free_from_pool_page page=$arg2:x64 freed=$retval:u8'
	echo 'freed != 0' >"$tracing/events/pools/free/filter"
	echo 'freed != 0' >"$tracing/events/pools/free_page/filter"
	echo 1 >"$tracing/events/pools/enable"
	bind && io
	unbind
	echo 0 >"$tracing/tracing_on"
	echo "# sequence: $1"
	words | sed 's/^/# | /'
	echo 0 >"$tracing/events/enable"
	echo >"$tracing/kprobe_events"
}

add "no device is bound" unbind_all
while read_device; do
	[ -e "/sys/bus/pci/devices/0000:00:$slot.0" ] || continue
	[ $# = 0 ] || [[ " $* " == *" $device "* ]] || continue
	add "$device" record "$device"
done <"$here/devices.table"
run_tests
