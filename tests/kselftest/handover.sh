#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Blocks that are out while the provider changes: they go back to whom they
# came from, whoever serves at that time, and their memory follows.

. "$(dirname "$0")/functions.sh"
start module

args=(coherent_pool=7 coherent_pool_size=1M)

declare -A empty slack

note_empty() {
	local pool
	must_load coherent_pool=0 || return
	settle
	free_memory
	memory_slack
	empty=([kernel]=$free_kernel [dma]=$free_dma [dma32]=$free_dma32)
	slack=([kernel]=$slack_kernel [dma]=$slack_dma [dma32]=$slack_dma32)
	must_unload
	c_sizes=$(all_sizes)
	for pool in $ZONES; do
		# What is within the slack cannot be seen to stay or to go.
		[ "$(size_of "$pool")" -gt $((slack[$pool] * PAGE)) ] ||
			fail_with "the C $pool pool of $(size_of "$pool") bytes is too small for this test"
	done
}

# So many pages of the pool's zone are taken, compared with no pools at all.
are_taken() { # POOL PAGES
	local off=$((empty[$1] - $(free_pages "$1") - $2))
	[ "${off#-}" -le "${slack[$1]}" ]
}

expect_taken() { # POOL PAGES
	wait_for 20 are_taken "$1" "$2" ||
		fail_with "$((empty[$1] - $(free_pages "$1"))) pages are taken for the $1 pool, not $2"
}

# By the pool, whatever it has grown by meanwhile.
all_taken() { are_taken "$1" $(($(size_of "$1") / PAGE)); } # POOL

# A C pool with a block out stays, serves nobody, and goes with that block.
c_block_out() { # POOL
	local pool size
	# The chunk that has the block; what C has the pool grow by goes at once. One block: a
	# second one may come from what the first one has it grow by.
	size=$(size_of "$1")
	hold 1 12288 "$1" || fail_with "no block of C"
	sleep 0.5
	must_load coherent_pool=0 || return
	expect_equal "sizes with the module" "$(all_sizes)" "0 0 0"
	! hold 1 4096 "$1" || fail_with "C serves while the module does"
	for pool in $ZONES; do
		if [ "$pool" = "$1" ]; then
			expect_taken "$pool" $((size / PAGE))
		else
			expect_taken "$pool" 0
		fi
	done
	free_held
	for pool in $ZONES; do expect_taken "$pool" 0; done
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
	expect_equal "blocks that are out" "$(grep -c . "$TEST/hold")" $((10 * $(wc -w <<<"$ZONES")))
	free_held
	must_load coherent_pool=0 || return
	for pool in $ZONES; do expect_taken "$pool" 0; done
	must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

# Blocks of both, freed in any order, by address and by page.
mixed() {
	local pool
	for pool in $ZONES; do hold 4 8192 "$pool" || fail_with "no block of C"; done
	must_load "${args[@]}" || return
	for pool in $ZONES; do hold 5 8192 "$pool" || fail_with "no block of the module"; done
	free_held
	# Until C has given its chunks back they may lie beside those of the module, and a
	# free of what is not out is a BUG in C.
	for pool in $ZONES; do
		wait_for 20 all_taken "$pool" || expect_taken "$pool" $(($(size_of "$pool") / PAGE))
	done
	tell state=ok
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
