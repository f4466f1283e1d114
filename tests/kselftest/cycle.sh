#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module comes and goes while every CPU allocates and frees, in threads
# and in interrupts. CYCLES says how often (default 50, on a debug kernel
# 10). A request may find nobody at home for a moment while the pools change
# hands; it may not warn, get bad memory, or lose any.

. "$(dirname "$0")/functions.sh"
start module

if is_debug_kernel; then cycles=${CYCLES:-10}; else cycles=${CYCLES:-50}; fi

parameters=(
	'coherent_pool=7 coherent_pool_size=1M'
	'coherent_pool=kernel:5M,dma:384K,dma32:1536K'
	'coherent_pool=1'
	'coherent_pool=512K'
	# As many pages as the load can have at a time, at least
	"coherent_pool=6 coherent_pool_size=$((64 * PAGE))"
)

# Sets ops, empty and errors.
counters() {
	local words
	read -r -a words <"$TEST/load"
	ops=${words[0]#*=} empty=${words[1]#*=} errors=${words[2]#*=}
}

# While the module is there and stays, every request is served, save those that
# were on their way before. Sums up served_by_module.
every_request() {
	local at_first empty_at_first
	counters
	at_first=$ops empty_at_first=$empty
	sleep 0.05
	counters
	served_by_module=$((served_by_module + ops - at_first))
	[ $((empty - empty_at_first)) -le $((2 * $(nproc))) ] ||
		fail_with "$((empty - empty_at_first)) of $((ops - at_first)) operations got nothing from the module"
}

# The module goes in one of the moments in which nothing of it is out.
leave() {
	local tries=0
	until unload; do
		refused=$((refused + 1)) tries=$((tries + 1))
		# rmmod looks before it asks, so that either of the two may refuse.
		[[ $output == *'in use'* || $output == *'temporarily unavailable'* ]] ||
			{ fail_with "rmmod: $output"; return 1; }
		[ $tries -lt 500 ] || { fail_with "the module never goes"; return 1; }
	done
}

cycle() {
	local i=0 ops empty errors refused=0 served=0 served_by_module=0 before
	fresh_c_pools || return
	before=$(all_sizes)
	[ "$before" != "0 0 0" ] || { fail_with "no C pools"; return; }
	echo start >"$TEST/load" || { fail_with "no load"; return; }
	while [ $i -lt "$cycles" ]; do
		# shellcheck disable=SC2086 # words
		must_load ${parameters[i % ${#parameters[@]}]} || break
		[ $((i % 3)) != 0 ] || every_request
		leave || break
		i=$((i + 1))
		[ $((i % 100)) != 0 ] || msg "$i cycles"
	done
	counters
	served=$ops
	echo stop >"$TEST/load"
	msg "$i cycles, $served operations, $empty got nothing, rmmod refused $refused times"
	expect_equal cycles "$i" "$cycles"
	expect_equal "errors of the load" "$errors" 0
	[ "$served" -gt $((cycles * 10)) ] || fail_with "the load did only $served operations"
	[ "$served_by_module" -gt "$cycles" ] || fail_with "the module served only $served_by_module operations"
	read -r result <"$TEST/result"
	[ "$errors" = 0 ] || fail_with "$result"
	tell state=ok
	must_pass free_every_page_by_page
	fresh_c_pools
	expect_equal "sizes of the C pools" "$(all_sizes)" "$before"
}

# The same with the pools switched off: the load gets nothing, quietly.
cycle_disabled() {
	local i ops empty errors refused=0
	echo start >"$TEST/load" || { fail_with "no load"; return; }
	for i in {1..5}; do
		must_load coherent_pool=0 || break
		sleep 0.05
		leave || break
	done
	counters
	echo stop >"$TEST/load"
	msg "$ops operations, $empty got nothing"
	expect_equal "errors of the load" "$errors" 0
	[ "$empty" -gt 0 ] || fail_with "the load got memory from pools that are off"
}

add "$cycles cycles under load" cycle
add "cycles with the pools off" cycle_disabled
run_tests
