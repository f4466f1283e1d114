#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every CPU takes blocks of 1 to 64 pages and gives back those of another, in
# threads and in interrupts in the middle of each other, and each page has an owner
# whose it is alone (test_modules/stress.c, owners.c). No page may be handed out
# twice, come dirty, be written to by others, or be lost. OPS says how many
# operations (default 200000, on a debug kernel 5000), of which the C pools get
# a tenth; SEED where the random numbers begin.

. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/kselftest/burst.sh
. "$DIR/burst.sh"
start module

if is_debug_kernel; then ops=${OPS:-5000}; else ops=${OPS:-200000}; fi
seed=${SEED:-1}
# After so many, or so, all is given back and counted, and the next seed is taken.
round=100000
# Blocks have at most two to this power pages.
order=6
# KiB; the largest block must fit into a pool.
size=$((64 * PAGE / 1024))
[ $size -gt 1024 ] || size=1024

stress() { # OPERATIONS [PARAMETER...]
	local wanted=$1 left=$1 this_seed=$seed count
	total=()
	shift
	if [ $# -gt 0 ]; then
		must_load "$@" || return
	else
		fresh_c_pools || return
	fi
	[ "$(all_sizes)" != "0 0 0" ] || { fail_with "no pools: the C pools need coherent_pool= on the kernel's command line"; return; }
	while [ "$left" -gt 0 ] && [ ${#reasons[@]} = 0 ]; do
		count=$((left < round ? left : round))
		burst "$count" "$this_seed" "$order"
		# Nothing is lost: with all that the pools have grown by, every page can be had.
		tell state=ok
		must_pass orders_process
		left=$((left - count)) this_seed=$((this_seed + 1))
	done
	[ "${total[operations]}" -ge $((wanted / 2)) ] || fail_with "only ${total[operations]} operations of $wanted"
	[ "${total[nested_softirq]}" -gt 0 ] || fail_with "no softirq in the middle of another operation"
	[ "${total[nested_hardirq]}" -gt 0 ] || fail_with "no interrupt in the middle of another operation"
	say_total
	[ $# = 0 ] || must_unload
}
say_total() {
	msg "seeds from $seed: ${total[operations]} operations," \
		"nested ${total[nested_softirq]} in softirqs and ${total[nested_hardirq]} in hard interrupts," \
		"${total[refused]} requests got nothing; handed out twice ${total[twice]}, dirty ${total[dirty]}," \
		"overwritten ${total[overwritten]}; pools $(all_sizes)"
}

# While memory is short all the time: pieces that were added go back while all CPUs
# allocate and free, and come again. In many short bursts, as pieces are idle between.
pressed() { # OPERATIONS
	local count key pool presser presses round
	total=()
	presses=$(mktemp)
	must_load coherent_pool=$((size / 4))K-8M || return
	while sleep 0.05; do
		press && echo >>"$presses"
	done &
	presser=$!
	for round in {1..25}; do
		burst $(($1 / 25)) $((seed + round)) "$order"
		# The next burst meets the worker at any point of its work.
		sleep "0.$((round % 10))$((round % 3))"
	done
	kill "$presser"
	wait "$presser"
	say_total
	msg "memory was short $(wc -l <"$presses") times"
	rm -f "$presses"
	for key in growths shrinks; do
		count=0
		for pool in $ZONES; do count=$((count + $(figure "$pool" "$key"))); done
		[ $count -gt 5 ] || fail_with "only $count $key"
		msg "$count $key"
	done
	press
	for pool in $ZONES; do
		wait_for 20 is_size "$pool" $((size * 256)) || fail_with "the $pool pool keeps $(size_of "$pool")"
		expect_equal "what is out of the $pool pool" "$(figure "$pool" used)" 0
		expect_equal "frees of the $pool pool" "$(figure "$pool" frees)" "$(figure "$pool" allocs)"
	done
	tell state=ok
	must_pass orders_process
	must_unload
}

# Most of the time is for what a block has to show. Of small blocks there are many more
# in the same time, and most of them come from the same word of a bitmap.
small_blocks() { # ORDER
	local order=$1
	stress "$ops" coherent_pool=7 coherent_pool_size=${size}K
}

add "C pools" stress $((ops / 10))
add "one piece each" stress "$ops" coherent_pool=7 coherent_pool_size=${size}K
add "single pages" small_blocks 0
add "up to four pages" small_blocks 2
add "several pieces each" stress $((ops / 4)) "coherent_pool=kernel:$((size * 3))K,dma:$((size * 3 / 2))K,dma32:$((size * 3 / 2))K"
# If there is one, of a small zone, where a pool soon cannot grow any more and is full all the time
alone=dma
[[ " $ZONES " == *" dma "* ]] || alone=${ZONES##* }
add "one pool alone" stress $((ops / 4)) "coherent_pool=$alone:${size}K"
add "pieces that go back all the time" pressed $((ops / 4))
run_tests
