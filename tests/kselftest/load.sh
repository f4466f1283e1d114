#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Coming and going: the C pools leave and return, no page is lost on the way,
# debugfs files outlive nobody, and a module whose memory is out stays.

. "$(dirname "$0")/functions.sh"
start module zones

args=(coherent_pool=7 coherent_pool_size=1M)

# The sizes at boot do not come back if a pool has grown since: start afresh.
note_c_pools() {
	must_load "${args[@]}" && must_unload
	c_sizes=$(all_sizes)
	[ "$c_sizes" != "0 0 0" ] || fail_with "no C pools: was this kernel booted with coherent_pool=0?"
}

c_pools_return() {
	local round
	for round in 1 2 3; do
		must_load "${args[@]}" || return
		expect_equal "sizes with the module" "$(all_sizes)" "1048576 1048576 1048576"
		must_unload || return
		expect_equal "sizes of the C pools after round $round" "$(all_sizes)" "$c_sizes"
	done
	tell state=ok fresh=1
	must_pass orders_process
	must_pass odd_sizes
}

debugfs_always_there() {
	local pool
	[ -d "$POOLS" ] || fail_with "no dma_pools before"
	must_load "${args[@]}" || return
	[ -d "$POOLS" ] || fail_with "no dma_pools while the module is loaded"
	for pool in $ZONES; do
		expect_equal "the mode of pool_size_$pool" "$(stat -c %a "$POOLS/pool_size_$pool")" 400
		expect_equal "what is in pool_size_$pool" "$(od -An -c "$POOLS/pool_size_$pool" | tr -d ' ')" '1048576\n'
	done
	[ -e "$POOLS/disabled_allocs" ] || fail_with "no disabled_allocs"
	must_unload
	[ -d "$POOLS" ] || fail_with "no dma_pools after"
	[ ! -e "$POOLS/disabled_allocs" ] || fail_with "a file of the module is left in dma_pools"
}

# Holding a file of the module open may keep the module, or may not; nothing
# may happen through it once the module is gone.
open_files() {
	local file
	must_load "${args[@]}" || return
	for file in pool_size_kernel pool_size_dma32 disabled_allocs; do
		exec {fd}<"$POOLS/$file" || fail_with "cannot open $file"
		fds+=("$fd")
	done
	if unload; then
		for fd in "${fds[@]}"; do
			read -r -u "$fd" value 2>/dev/null && fail_with "a file of the module that is gone reads $value"
		done
	fi
	for fd in "${fds[@]}"; do
		exec {fd}<&-
	done
	! loaded || must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

# A C file that was opened before the module came is gone for who has it open; the
# module's of the same name is another.
open_c_files() {
	local file value
	for file in $ZONES; do
		exec {fd}<"$POOLS/pool_size_$file"
		must_load "${args[@]}" || return
		! read -r -u "$fd" value 2>/dev/null || fail_with "C's pool_size_$file reads '$value' while the module serves"
		exec {fd}<&-
		expect_equal "the module's pool_size_$file" "$(cat "$POOLS/pool_size_$file")" 1048576
		must_unload || return
	done
}

# With pools of 12 MiB in all, one pool lost in ten rounds stands out.
memory_given_back() {
	local pool i
	local -A before
	must_load coherent_pool=7 coherent_pool_size=4M && must_unload || return
	settle
	for pool in $ZONES; do before[$pool]=$(free_pages "$pool"); done
	for i in {1..10}; do
		must_load coherent_pool=7 coherent_pool_size=4M && must_unload || return
	done
	settle
	expect_free before
}

# expect_free ARRAY: as many pages as in ARRAY by pool, as far as one can tell.
expect_free() {
	local -n had=$1
	local -A slack after
	local pool lost
	memory_slack
	slack=([kernel]=$slack_kernel [dma]=$slack_dma [dma32]=$slack_dma32)
	free_memory
	after=([kernel]=$free_kernel [dma]=$free_dma [dma32]=$free_dma32)
	for pool in $ZONES; do
		lost=${had[$pool]}
		lost=$((lost - ${after[$pool]}))
		[ $lost -le "${slack[$pool]}" ] || fail_with "$lost pages of the zone of $pool are lost"
	done
}

# same_free WANTED HAVE: bytes, save for pages that wait in the lists of the CPUs,
# where they do not count as free, or waited there when WANTED was looked at.
same_free() {
	local waiting
	waiting=$(awk -v page="$PAGE" '$1 == "count:" { n += $2 } END { printf "%.0f\n", n * page }' /proc/zoneinfo)
	[ $(($1 - $2)) -le "$waiting" ] && [ $(($2 - $1)) -le 2097152 ]
}

# CMA is for others who cannot do without: every page must go back to it. Pages
# that went to the page allocator instead would count as free in CMA, and yet
# the area would be used up after a few rounds.
cma_given_back() {
	local before with after taken=0 round=0 total
	before=$(meminfo CmaFree)
	total=$(meminfo CmaTotal)
	while [ $taken -le "$total" ]; do
		round=$((round + 1))
		must_load coherent_pool=kernel:8M || return
		with=$(meminfo CmaFree)
		# The C kernel pool was there before, and is not now.
		same_free "$((before + ${c_sizes%% *} - 8388608))" "$with" ||
			fail_with "round $round: the kernel pool is not in CMA, CmaFree went from $before to $with"
		must_unload
		after=$(meminfo CmaFree)
		same_free "$before" "$after" || fail_with "CmaFree is $after after round $round, not $before"
		taken=$((taken + 8388608))
		[ ${#reasons[@]} -eq 0 ] || return
	done
	msg "$taken of $total bytes of CMA in $round rounds"
}

# More than CMA has: the rest comes from the page allocator, and nobody says
# anything, as the pool is as large as it should be. A piece is from one of the two;
# with pages of 64 KiB all is one piece. CMA lends its pages to others, and one that
# cannot move for a moment keeps it from giving a piece of 4 MiB: that is so for two at most.
cma_exhausted() {
	local before with size
	before=$(meminfo CmaFree)
	size=$(($(meminfo CmaTotal) + 16777216))
	must_load "coherent_pool=kernel:$size" || return
	with=$(meminfo CmaFree)
	expect_equal "size of the kernel pool" "$(size_of kernel)" "$size"
	[ "$with" -le 8388608 ] || [ "$(largest_block)" -ge "$size" ] ||
		fail_with "the kernel pool left $with bytes of CMA"
	log_has_not "alloc failed" "memory is short"
	must_unload
	same_free "$before" "$(meminfo CmaFree)" || fail_with "CmaFree is $(meminfo CmaFree), not $before"
}

unload_refused() { # POOL
	must_load "${args[@]}" || return
	hold 1 4096 "$1" || fail_with "no block of $1"
	if unload; then
		fail_with "the module goes while a block of $1 is out"
		return
	fi
	[[ $output == *'in use'* ]] || fail_with "rmmod says '$output'"
	# It serves as before.
	hold 3 8192 "$1" || fail_with "no block of $1 after the refusal"
	expect_equal "blocks that are out" "$(grep -c 'zeroed=yes' "$TEST/hold")" 4
	! unload || fail_with "the module goes while 4 blocks are out"
	free_held
	must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

twice() {
	must_load "${args[@]}" || return
	! load coherent_pool=1 || fail_with "the module loads twice"
	must_unload
}

# The memory of the module is back before C asks for its own. At least twice as much, as
# somebody else may take a page of it first, and as the zone's watermarks are in pages.
from_full_zone() {
	must_load coherent_pool=dma:$((512 * PAGE)) || return
	# And what the C pools have given back, so that there is room only where the module was.
	echo dma >"$TEST/hog" || fail_with "the zone cannot be filled"
	must_unload
	echo free >"$TEST/hog"
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
	log_has_not "failed to allocate"
}

# The module neither takes over from another provider nor keeps its memory.
second_provider() {
	local pool
	local -A before
	echo provide >"$TEST/others" || { fail_with "nobody else can provide the pools"; return; }
	settle
	for pool in $ZONES; do before[$pool]=$(free_pages "$pool"); done
	! load "${args[@]}" || fail_with "the module loads"
	[[ $output == *busy* ]] || fail_with "insmod says '$output', which is not EBUSY"
	! loaded || fail_with "insmod fails, but the module is there"
	settle
	expect_free before
	echo end >"$TEST/others"
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

# Pools that are about to grow when the module goes, or that do: what they add goes
# back, too. Where the work item is just then differs from time to time.
about_to_grow() {
	local i pool
	local -A before
	must_load "${args[@]}" && must_unload || return
	settle
	for pool in $ZONES; do before[$pool]=$(free_pages "$pool"); done
	for i in {1..10}; do
		must_load "${args[@]}" || return
		for pool in $ZONES; do
			# A pool that has grown already may serve it.
			! hold 1 2097152 "$pool" || free_held
		done
		must_unload || return
		expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
	done
	settle
	expect_free before
}

# What could not load has changed nothing.
failed_load() {
	! load coherent_pool=banana || fail_with "the module loads"
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
	tell state=ok fresh=1
	must_pass orders_process
}

add "C pools as configured" note_c_pools
add "C pools return" c_pools_return
add "debugfs files before, during, after" debugfs_always_there
declare -a fds=()
add "debugfs files open across rmmod" open_files
add "C debugfs file open across insmod" open_c_files
add "memory is given back" memory_given_back
add "CMA is given back" cma_given_back
add "CMA is exhausted quietly" cma_exhausted
for pool in $ZONES; do
	add "unload refused while memory of $pool is out" unload_refused "$pool"
done
add "insmod twice" twice
add "C pools return to a zone that was full" from_full_zone
add "insmod while somebody else provides the pools" second_provider
add "rmmod while a pool is about to grow" about_to_grow
add "failed insmod changes nothing" failed_load
run_tests
