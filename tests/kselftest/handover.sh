#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Blocks that are out while the provider changes: they go back to whom they
# came from, whoever serves at that time, and their memory follows.

. "$(dirname "$0")/functions.sh"
start module zones

args=(coherent_pool=7 coherent_pool_size=1M)

declare -A empty

note_empty() {
	local pool
	must_load coherent_pool=0 || return
	settle
	for pool in $ZONES; do empty[$pool]=$(free_pages "$pool"); done
	must_unload
	c_sizes=$(all_sizes)
	[ "$c_sizes" != "0 0 0" ] || fail_with "no C pools: was this kernel booted with coherent_pool=0?"
}

zone_is_empty() { [ "$(free_pages "$1")" -ge $((empty[$1] - $2)) ]; }

# A C pool with a block out stays, serves nobody, and goes with that block.
c_block_out() { # POOL
	# Pages that others take or give back meanwhile, fewer than a pool has
	local other slack=$((122880 / PAGE + 2))
	[ "$1" != kernel ] || slack=768
	hold 2 12288 "$1" || fail_with "no block of C"
	must_load coherent_pool=0 || return
	expect_equal "sizes with the module" "$(all_sizes)" "0 0 0"
	! hold 1 4096 "$1" || fail_with "C serves while the module does"
	! zone_is_empty "$1" "$slack" || [ "$1" = kernel ] ||
		fail_with "the memory of the $1 pool went with a block out"
	for other in $ZONES; do
		case $other in "$1" | kernel) continue ;; esac
		wait_for 20 zone_is_empty "$other" "$slack" || fail_with "C keeps the idle $other pool"
	done
	free_held
	wait_for 20 zone_is_empty "$1" $slack ||
		fail_with "C keeps the $1 pool: $(free_pages "$1") pages free of ${empty[$1]}"
	must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
	tell state=ok fresh=1
	must_pass free_every_page_by_page
}

# The module comes and goes while the block of C stays out.
c_block_out_all_along() {
	local pool
	for pool in $ZONES; do hold 1 20000 "$pool" || fail_with "no block of C"; done
	must_load "${args[@]}" || return
	for pool in $ZONES; do hold 1 20000 "$pool" || fail_with "no block of the module"; done
	! unload || fail_with "the module goes while its blocks are out"
	free_held
	for pool in $ZONES; do hold 1 4096 "$pool" || fail_with "no block of the module"; done
	free_held
	must_unload || return
	for pool in $ZONES; do hold 1 20000 "$pool" || fail_with "no block of C"; done
	must_load "${args[@]}" && must_unload
	free_held
	tell state=ok
	must_pass free_every_page_by_page
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

# Ten times, each leaving a block out: nothing may pile up.
c_blocks_of_many_rounds() {
	local i pool
	for i in {1..10}; do
		for pool in $ZONES; do hold 1 4096 "$pool" || fail_with "no block of C"; done
		must_load "${args[@]}" && must_unload || return
	done
	expect_equal "blocks that are out" "$(grep -c . "$TEST/hold")" 30
	free_held
	must_load coherent_pool=0 || return
	for pool in dma dma32; do
		wait_for 20 zone_is_empty "$pool" 32 ||
			fail_with "$pool: $(free_pages "$pool") pages free of ${empty[$pool]}"
	done
	must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

# Blocks of both, freed in any order, by address and by page.
mixed() {
	local pool
	for pool in $ZONES; do hold 4 8192 "$pool" || fail_with "no block of C"; done
	must_load "${args[@]}" || return
	for pool in $ZONES; do hold 5 8192 "$pool" || fail_with "no block of the module"; done
	tell state=ok
	free_held
	must_pass free_every_page_by_page
	must_pass foreign_neighbours
	must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

add "memory without pools" note_empty
for pool in $ZONES; do
	add "a block of the C $pool pool is out at insmod" c_block_out "$pool"
done
add "blocks of C are out all along" c_block_out_all_along
add "blocks of C from ten rounds" c_blocks_of_many_rounds
add "blocks of both freed together" mixed
run_tests
