#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# When and by how much pools grow, seen in debugfs; the C pools first, then
# those in Rust.

. "$(dirname "$0")/functions.sh"
start module

MAX=$((PAGE << 10))
LARGEST=$(largest_block)

c_pools() {
	fresh_c_pools
	[ "$(all_sizes)" != "0 0 0" ] || fail_with "no C pools"
}

rust_pools() { must_load coherent_pool=7 "coherent_pool_size=${1:-512K}"; }

# Long enough for a work item that has been queued, short enough to wait.
soon() { sleep 0.5; }

# Nobody asks, nobody grows. Nor for what fits while enough is left.
idle() { # PROVIDER
	local before
	"$1" || return
	before=$(all_sizes)
	soon
	expect_equal "sizes after doing nothing" "$(all_sizes)" "$before"
}

# Below the initial size by a page: it doubles, once.
low_water() { # PROVIDER POOL
	local size
	"$1" || return
	size=$(size_of "$2")
	hold $((size / PAGE - 1)) "$PAGE" "$2" || fail_with "the $2 pool lacks pages"
	wait_for 20 is_size "$2" $((2 * size)) ||
		fail_with "the $2 pool of $size bytes has $(size_of "$2"), not twice as much"
	free_held
	soon
	expect_equal "size of the $2 pool after all was freed" "$(size_of "$2")" $((2 * size))
	# It has more than at first now: taking a little is no reason to grow.
	hold 4 "$PAGE" "$2" || fail_with "no pages"
	soon
	expect_equal "size of the $2 pool with little taken" "$(size_of "$2")" $((2 * size))
	free_held
	tell state=ok
	must_pass free_every_page_by_page
}

# By its size each time, but never by more than one block can be.
steps() { # PROVIDER
	local size next round
	"$1" || return
	for round in 1 2 3 4 5; do
		size=$(size_of kernel)
		next=$((size + (size < MAX ? size : MAX)))
		[ "$size" -lt $((4 * MAX)) ] || break
		hold $(((size - $(held_bytes)) / PAGE - 1)) "$PAGE" kernel || fail_with "the pool lacks pages"
		wait_for 20 is_size kernel $next ||
			fail_with "round $round: a pool of $size bytes has $(size_of kernel), not $next"
	done
	free_held
	tell state=ok
	must_pass free_every_page_by_page
}

held_bytes() { awk '{ split($2, size, "="); n += size[2] } END { print n + 0 }' "$TEST/hold"; }

# What no block can hold must not make a pool eat memory for nothing.
oversized() { # PROVIDER
	local before i
	"$1" || return
	before=$(all_sizes)
	for i in 1 2 3; do
		! hold 1 $((2 * LARGEST)) kernel || fail_with "got more than a block can be"
		soon
	done
	expect_equal "sizes after requests that are too large" "$(all_sizes)" "$before"
}

# Taken back when it cannot be helped: a full zone fails quietly.
full_zone() { # PROVIDER
	local round size
	needs_pool dma || return 0
	if [ "$1" = rust_pools ]; then
		# A ceiling above what the zone has, instead of a quarter of it.
		must_load coherent_pool=kernel:512K,dma:512K-15M,dma32:512K || return
	else
		"$1" || return
	fi
	for round in {1..12}; do
		size=$(size_of dma)
		hold $(((size - $(held_dma)) / PAGE)) "$PAGE" dma || break
		hold 1 "$PAGE" dma
		wait_for 3 differs "$size" || break
	done
	[ "$(size_of dma)" -gt 1048576 ] || fail_with "the dma pool has $(size_of dma) bytes, it never grew"
	msg "the dma pool has $(size_of dma) bytes of a zone of 16 MiB"
	free_held
	zeroes_all
	# The module makes its pools while C still has its own: leave room for them.
	[ "$1" != c_pools ] || c_pools
}

# Memory is short: a piece may come, and go back, while the pages are counted.
zeroes_all() {
	local before
	for _ in 1 2 3; do
		before=$(all_sizes)
		tell state=ok
		! run_in_kernel zero_every_page || return 0
		[ "$(all_sizes)" != "$before" ] || break
	done
	fail_with "zero_every_page: $result"
}

differs() { [ "$(size_of dma)" != "$1" ]; } # BYTES
held_dma() { awk '$5 == "zone=DMA" { split($2, size, "="); n += size[2] } END { print n + 0 }' "$TEST/hold"; }

# After one request that failed, and no other, there is room for it, in the pool that
# it asked.
after_failure() { # POOL SIZE
	local before want=$2
	needs_pool "$1" || return 0
	rust_pools 128K || return
	before=$(all_sizes)
	! hold 1 "$want" "$1" || fail_with "there was room already"
	wait_for 20 has_grown "$before" || fail_with "no pool grows"
	hold 1 "$want" "$1" || fail_with "$want bytes do not fit, the pools have $(all_sizes)"
	[ "$(size_of "$1")" -ge $((131072 + want)) ] ||
		fail_with "the $1 pool has $(size_of "$1"), that is not $want more than before"
	[ "$(size_of "$1")" -le $((131072 + 4 * want)) ] ||
		fail_with "the $1 pool has $(size_of "$1") after a request of $want"
	free_held
	tell state=ok
	must_pass free_every_page_by_page
}

has_grown() { [ "$(all_sizes)" != "$1" ]; }

# Memory that a device cannot address is not made addressable by more of it.
rejected() { # POOL
	local before i
	rust_pools || return
	before=$(all_sizes)
	for i in 1 2 3; do
		! hold 1 "$PAGE" "$1" reject || fail_with "got what the device rejects"
		! hold 1 65536 "$1" reject || fail_with "got what the device rejects"
		soon
	done
	expect_equal "sizes after requests that were rejected" "$(all_sizes)" "$before"
}

# While its zone is empty a pool cannot grow, and tries less and less often. As soon as there
# is memory again it grows, without anybody asking.
resumed() {
	local size=524288 before
	nobody_else_is_in_dma || return 0
	must_load coherent_pool=dma:512K || return
	echo dma >"$TEST/hog" || fail_with "the memory could not be taken"
	hold 4 "$PAGE" dma || fail_with "no pages"
	sleep 4
	before=$(figure dma failed_growths)
	[ "$before" -le 12 ] || fail_with "$before attempts to grow in four seconds: no back-off"
	wait_for 30 has_tried 3 || fail_with "$(figure dma failed_growths) attempts to grow"
	expect_equal "size while the zone is empty" "$(size_of dma)" $size
	echo free >"$TEST/hog"
	wait_for 20 is_size dma $((2 * size)) ||
		fail_with "the pool has $(size_of dma), it does not grow although there is memory"
	free_held
	tell state=ok
	must_pass free_every_page_by_page
}

has_tried() { [ "$(figure dma failed_growths)" -ge "$1" ]; } # TIMES

# ZONE_DMA of 16 MiB is the pools' alone. A larger one is everybody's memory, some of
# which becomes free at any time.
nobody_else_is_in_dma() {
	needs_pool dma || return 1
	[ "$(managed DMA)" -le 16777216 ] || { skip "others use ZONE_DMA, too"; return 1; }
}

# The same for a request that failed because of it.
resumed_by_request() {
	local size=524288
	nobody_else_is_in_dma || return 0
	must_load coherent_pool=dma:512K || return
	echo dma >"$TEST/hog" || fail_with "the memory could not be taken"
	! hold 1 $((2 * size)) dma || fail_with "there was room already"
	soon
	expect_equal "size while the zone is empty" "$(size_of dma)" $size
	echo free >"$TEST/hog"
	! hold 1 $((2 * size)) dma || fail_with "the pool has grown without being asked"
	wait_for 20 is_size dma $((3 * size)) ||
		fail_with "the pool has $(size_of dma), not what the request needs"
	hold 1 $((2 * size)) dma || fail_with "no room for the request"
	free_held
	tell state=ok
	must_pass free_every_page_by_page
}

for provider in c_pools rust_pools; do
	title=${provider%_pools}
	add "$title: idle pools stay" idle $provider
	for pool in $ZONES; do
		add "$title: $pool grows at low water" low_water $provider "$pool"
	done
	add "$title: steps" steps $provider
	add "$title: no growth for what is too large" oversized $provider
	add "$title: a full zone" full_zone $provider
done
add "rust: kernel grows to fit 1M" after_failure kernel 1048576
add "rust: kernel grows to fit 4M" after_failure kernel 4194304
add "rust: dma grows to fit 300K" after_failure dma 307200
add "rust: dma32 grows to fit 2M" after_failure dma32 2097152
for pool in $ZONES; do
	add "rust: $pool does not grow for what is rejected" rejected "$pool"
done
add "rust: a pool grows again after its zone was empty" resumed
add "rust: a request that failed makes it grow again" resumed_by_request
run_tests
