#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the trace events of the pools in Rust say, held against the figures in debugfs: of
# what was done one after the other, and under load. Of pools that are built in as well,
# booted with coherent_pool=512K.

. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/kselftest/tracing.sh
. "$DIR/tracing.sh"
start module zones
[ -d "$TRACING/events/dma_pool" ] || skip_all "needs trace events"

COUNTERS='allocs frees failed_full growths shrinks'

# What the counters of each pool are now, and its peak is what is out.
note_counters() {
	local pool key
	for pool in $ZONES; do
		for key in $COUNTERS; do before[${pool}_$key]=$(figure "$pool" "$key"); done
		before[${pool}_size]=$(size_of "$pool")
		echo 0 >"$POOLS/$pool/used_hiwater"
	done
}
since() { echo $(($(figure "$1" "$2") - before[$1_$2])); } # POOL NAME

# All events, in the order in which they were, whichever CPU they are from.
start_trace() {
	echo counter >"$TRACING/trace_clock"
	trace_begin
	trace_events dma_pool
}

# Sets traced[NAME] to what the events of a pool come to, one after the other; wrong is
# what is out twice, or comes back without being out.
read_trace() { # POOL
	local pair
	trace_end
	! grep -h '^overrun: [^0]' "$TRACING"/per_cpu/cpu*/stats || fail_with "events were lost"
	while read -r pair; do
		traced[${pair%=*}]=${pair#*=}
	done < <(awk -v wanted="$1" '
		function value(name) {
			match($0, " " name "=[^ ]*")
			return substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 2)
		}
		/^#/ || value("pool") != wanted { next }
		{ bytes = value("bytes"); at = value("phys") }
		/ dma_pool_alloc: / {
			allocs++
			wrong += at in out
			out[at] = bytes
			used += bytes
			if (used > hiwater) hiwater = used
		}
		/ dma_pool_free: / {
			frees++
			wrong += out[at] != bytes
			delete out[at]
			used -= bytes
		}
		/ dma_pool_fail: / { fails++ }
		/ dma_pool_grow: / && bytes { grows++; size += bytes }
		/ dma_pool_shrink: / { shrinks++; size -= bytes }
		END {
			print "allocs=" allocs + 0 "\nfrees=" frees + 0 "\nfailed_full=" fails + 0
			print "growths=" grows + 0 "\nshrinks=" shrinks + 0 "\nsize=" size + 0
			print "used=" used + 0 "\nused_hiwater=" hiwater + 0 "\nwrong=" wrong + 0
		}' "$TRACING/trace")
}

# Event by event.
traced() {
	local -A before traced
	local key
	must_load coherent_pool=512K || return
	note_counters
	start_trace
	hold 8 65536 dma32 || fail_with "no blocks"
	wait_for 20 has_grown || fail_with "it does not grow"
	# What is traced are whole pages.
	hold 4 1000 dma32 || fail_with "no pages"
	! hold 1 $((2 * $(largest_block))) dma32 || fail_with "more than a block"
	free_held
	press
	wait_for 20 is_size dma32 524288 || fail_with "it does not shrink"
	hold 3 $((2 * PAGE)) dma32 || fail_with "no pages"
	# Less than the low watermark is free. The event comes after the size, and the counter
	# after the event.
	wait_for 20 is_counted || fail_with "it does not grow again"
	read_trace dma32
	for key in $COUNTERS; do
		expect_equal "$key" "$(since dma32 "$key")" "${traced[$key]}"
	done
	expect_equal "frees" "${traced[frees]}" 12
	[ "${traced[growths]}" -ge 1 ] || fail_with "there was no growth"
	expect_equal "what is out" "$(figure dma32 used)" "${traced[used]}"
	expect_equal "what is out" "${traced[used]}" $((6 * PAGE))
	expect_equal "the peak" "$(figure dma32 used_hiwater)" "${traced[used_hiwater]}"
	expect_equal "the peak" "${traced[used_hiwater]}" $((8 * 65536 + 4 * PAGE))
	expect_equal "the size" "$(size_of dma32)" $((before[dma32_size] + traced[size]))
	expect_equal "blocks that were out twice" "${traced[wrong]}" 0
	free_held
	must_unload
}
has_grown() { ! is_size dma32 524288; }
is_counted() { [ $(($(since dma32 growths) - $(since dma32 shrinks))) = 1 ]; }

# Whoever follows blocks by their address finds none that is out twice: a block comes back
# before somebody else gets it, in the trace, too.
traced_under_load() {
	local -A before traced
	local pool
	must_load coherent_pool=512K || return
	note_counters
	start_trace
	echo start >"$TEST/load" || fail_with "no load"
	sleep 2
	echo stop >"$TEST/load"
	for pool in $ZONES; do
		read_trace "$pool"
		expect_equal "$pool blocks that were out twice" "${traced[wrong]}" 0
		expect_equal "$pool allocs" "$(since "$pool" allocs)" "${traced[allocs]}"
		expect_equal "$pool frees" "$(since "$pool" frees)" "${traced[frees]}"
		[ "${traced[frees]}" -gt 20 ] || fail_with "there were ${traced[frees]} frees"
	done
	must_unload
}

add "trace events agree with the figures" traced
add "trace events agree under load" traced_under_load
run_tests
