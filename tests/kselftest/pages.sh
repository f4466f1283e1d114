#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# How pools get their pages, and what is done to these: seen by tracing, and in the
# list of mappings, as nothing else shows it on a machine that is emulated.

. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/kselftest/tracing.sh
. "$DIR/tracing.sh"
start module zones

# With DMA_DIRECT_REMAP each piece of a pool is mapped a second time, after the cache
# lines of the first mapping were written back.
remapped() { # PARAMETER PIECES
	local before cleaned
	config DMA_DIRECT_REMAP y || { skip "this machine does not remap"; return; }
	must_load coherent_pool=0 || return
	before=$(mappings)
	must_unload
	needs_tracing kprobe_events || return 0
	trace_begin
	probe 'p:pools/clean arch_dma_prep_coherent'
	trace_events pools
	must_load "$1" || return
	cleaned=$(awk '$1 == "clean" { print $2 }' "$TRACING/kprobe_profile")
	trace_end
	expect_equal "mappings of $1" $(($(mappings) - before)) "$2"
	expect_equal "pieces that were cleaned" "$cleaned" "$2"
	must_unload
	must_load coherent_pool=0 || return
	expect_equal "mappings after rmmod" "$(mappings)" "$before"
	must_unload
}
mappings() { grep -c dma-coherent /proc/vmallocinfo; }

# A crash kernel that kills the dump for the sake of a pool is worse than a small pool. For
# more than eight pages nobody is killed, and the flag would have memory reclaimed hard.
no_oom_killer() {
	local asked
	needs_tracing events/kmem/mm_page_alloc || return 0
	trace_begin
	trace_filter kmem/mm_page_alloc "order >= 3"
	trace_events kmem/mm_page_alloc
	must_load coherent_pool=dma:$((8 * PAGE / 1024))K,dma32:1M || return
	! hold 1 2097152 dma || fail_with "there is room already"
	wait_for 20 hold 1 2097152 dma || fail_with "the dma pool does not grow"
	asked=$(grep -E 'gfp_flags=.*(GFP_DMA|GFP_DMA32)' "$TRACING/trace" | sed 's/.*order=/order=/')
	trace_end
	free_held
	must_unload
	# One more if the pool is low again by then.
	[ "$(grep -c . <<<"$asked")" -ge 3 ] || fail_with "of the pools' requests only these were seen: $asked"
	[[ $asked == *order=3* ]] || fail_with "no request of eight pages was seen: $asked"
	asked=$(awk '{ order = substr($1, 7) + 0 }
		!/__GFP_NOWARN/ || /__GFP_RETRY_MAYFAIL/ != (order <= 3)' <<<"$asked")
	[ -z "$asked" ] || fail_with "asked for: $asked"
}

trap 'trace_end; finish' EXIT
add "mappings of one piece each" remapped coherent_pool=kernel:256K,dma:256K,dma32:256K 3
# Two blocks and the rest, where 9M is more than a block
add "mappings of several pieces" remapped coherent_pool=kernel:9M,dma:384K $(((9 * 1048576 - 1) / $(largest_block) + 2))
add "the OOM killer is not called" no_oom_killer
run_tests
