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
	END { say("?"); say("-all"); say("?"); say(""); print "" }' "$TRACING/trace"
}

record() { # DEVICE
	load_device "$1"
	fresh_c_pools || return
	io_reset
	trace_begin
	# shellcheck disable=SC2016 # the kernel expands it
	probe_calls 'size=$arg2:u64 cpu=+0($arg3):x64' 'addr=$arg2:x64' 'page=$arg2:x64'
	trace_events pools
	bind && io
	unbind
	trace_pause
	echo "# sequence: $1"
	words | sed 's/^/# | /'
	trace_end
}

add "no device is bound" unbind_all
while read_device; do
	[ -e "/sys/bus/pci/devices/0000:00:$slot.0" ] || continue
	[ $# = 0 ] || [[ " $* " == *" $device "* ]] || continue
	add "$device" record "$device"
done <"$here/devices.table"
run_tests
