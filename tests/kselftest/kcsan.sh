#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Data races of the C of the series: KCSAN looks at who reads and writes what while the C
# pools serve, grow and shrink, and while they and the module change hands. It reports what
# both sides of are functions of the pools or of the test module; what the rest of the kernel
# does is not judged here. Of Rust it sees nothing, as rustc does not instrument for it.

. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/kselftest/burst.sh
. "$DIR/burst.sh"
KCSAN=$DEBUGFS/kcsan
SETTINGS=/sys/module/kcsan/parameters
[ -e "$KCSAN" ] || skip_all "needs a kernel with KCSAN"
start module

# How often it looks, in accesses, and for how long, in microseconds: more often than it
# would, as hands change seldom.
echo 8 >$SETTINGS/skip_watch
echo 100 >$SETTINGS/udelay_task
echo 50 >$SETTINGS/udelay_interrupt

functions() {
	awk '$2 ~ /^[tT]$/ && ($3 ~ /^(__)?(dma_(alloc_from|free_from|guess|pool)|atomic_pool|gen_pool)/ ||
		$4 == "[dma_pool_test]") && $3 !~ /[.]/ { print $3 }' /proc/kallsyms | sort -u
}

only_ours() {
	local name count=0
	echo whitelist >"$KCSAN"
	while read -r name; do
		! echo "!$name" 2>/dev/null >"$KCSAN" || count=$((count + 1))
	done < <(functions)
	msg "$count functions"
	[ "$count" -gt 40 ] || fail_with "only $count functions could be named"
}

looks() { awk -F ': *' '$1 == "setup_watchpoints" { print $2 }' "$KCSAN"; }

# Runs a command while KCSAN looks; a report in the log fails the test.
watched() {
	local before now
	before=$(looks)
	echo on >"$KCSAN"
	"$@"
	echo off >"$KCSAN"
	now=$(looks)
	msg "it looked $((now - before)) times"
	[ $((now - before)) -gt 1000 ] || fail_with "it looked only $((now - before)) times"
}

c_pools_serve() {
	local round
	fresh_c_pools
	for round in {1..4}; do
		burst 2000 "$round" 4
		press
		all_sizes >/dev/null
	done
}

hands_change() {
	local i
	echo start >"$TEST/load" || fail_with "no load"
	for i in {1..30}; do
		must_load coherent_pool=kernel:256K-4M,dma:256K,dma32:1M-4M || break
		all_sizes >/dev/null
		wait_for 30 unload || fail_with "rmmod: $output"
	done
	echo stop >"$TEST/load"
	msg "$i times"
}

module_serves() {
	must_load coherent_pool=kernel:256K-4M,dma:256K,dma32:1M-4M || return
	burst 2000 1 4
	must_unload
}

add "it knows the pools' functions" only_ours
add "C pools" watched c_pools_serve
add "hands change" watched hands_change
add "pools in Rust" watched module_serves
trap 'echo off >"$KCSAN"; finish' EXIT
run_tests
