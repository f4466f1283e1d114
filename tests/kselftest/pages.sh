#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# How pools get their pages, and what is done to these: seen by tracing, and in the
# list of mappings, as nothing else shows it on a machine that is emulated.

. "$(dirname "$0")/functions.sh"
start module zones

# With DMA_DIRECT_REMAP each piece of a pool is mapped a second time, after the cache
# lines of the first mapping were written back.
remapped() { # PARAMETER PIECES
	local before cleaned
	config DMA_DIRECT_REMAP y || { skip "this machine does not remap"; return; }
	must_load coherent_pool=0 || return
	before=$(mappings)
	must_unload
	trace_begin || return 0
	echo 'p:pools/clean arch_dma_prep_coherent' >>"$tracing/kprobe_events"
	echo 1 >"$tracing/events/pools/enable"
	must_load "$1" || return
	cleaned=$(awk '$1 == "clean" { print $2 }' "$tracing/kprobe_profile")
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
	trace_begin kmem/mm_page_alloc || return 0
	echo "order >= 3" >"$tracing/events/kmem/mm_page_alloc/filter"
	echo 1 >"$tracing/events/kmem/mm_page_alloc/enable"
	must_load coherent_pool=dma:$((8 * PAGE / 1024))K,dma32:1M || return
	! hold 1 2097152 dma || fail_with "there is room already"
	wait_for 20 hold 1 2097152 dma || fail_with "the dma pool does not grow"
	asked=$(grep -E 'gfp_flags=.*(GFP_DMA|GFP_DMA32)' "$tracing/trace" | sed 's/.*order=/order=/')
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

tracing=/sys/kernel/tracing
trace_begin() { # [EVENT]
	[ -e "$tracing/kprobe_events" ] || mount -t tracefs none "$tracing" 2>/dev/null
	[ -e "$tracing/${1:+events/}${1:-kprobe_events}" ] || { skip "this kernel cannot be traced"; return 1; }
	echo >"$tracing/trace"
	echo 1 >"$tracing/tracing_on"
}
trace_end() {
	[ -e "$tracing/kprobe_events" ] || return 0
	echo 0 >"$tracing/tracing_on"
	echo 0 >"$tracing/events/enable"
	echo >"$tracing/kprobe_events"
}

trap 'trace_end; finish' EXIT
add "mappings of one piece each" remapped coherent_pool=kernel:256K,dma:256K,dma32:256K 3
# Two blocks and the rest, where 9M is more than a block
add "mappings of several pieces" remapped coherent_pool=kernel:9M,dma:384K $(((9 * 1048576 - 1) / $(largest_block) + 2))
add "the OOM killer is not called" no_oom_killer
run_tests
