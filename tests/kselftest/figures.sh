#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the pools in Rust say about themselves: the figures in debugfs, held against
# what was done; what is said when a request fails; and that memory which was added
# goes back.

. "$(dirname "$0")/functions.sh"
start module zones

FIXED=coherent_pool=kernel:1M-1M,dma:1M-1M,dma32:1M-1M

stat_of() { sed -n "s/^$1=//p" "$POOLS/stats"; } # KEY

expect_figures() { # POOL NAME=VALUE...
	local pool=$1 pair
	shift
	for pair; do
		expect_equal "${pair%=*} of the $pool pool" "$(figure "$pool" "${pair%=*}")" "${pair#*=}"
	done
}

# Three pages each; the peak stays when they are back, until it is set back.
counts() { # POOL
	local size=$((256 * PAGE)) block=$((3 * PAGE)) peak=$((15 * PAGE))
	must_load "coherent_pool=$1:$size-$size" || return
	expect_figures "$1" size=$size min=$size max=$size used=0 used_hiwater=0 \
		largest_free=$size chunks=1 blocks=0 allocs=0 frees=0 largest_request=0
	hold 5 $block "$1" || fail_with "no blocks"
	expect_figures "$1" used=$peak used_hiwater=$peak blocks=5 allocs=5 frees=0 \
		largest_free=$((size / 2))
	free_held
	expect_figures "$1" used=0 used_hiwater=$peak blocks=0 allocs=5 frees=5 largest_free=$size
	hold 1 "$PAGE" "$1" || fail_with "no block"
	! echo 1 2>/dev/null >"$POOLS/$1/used_hiwater" || fail_with "the peak can be set to 1"
	! echo 0 2>/dev/null >"$POOLS/$1/used" || fail_with "what is used can be set"
	expect_figures "$1" used_hiwater=$peak
	echo 0 >"$POOLS/$1/used_hiwater" || fail_with "the peak cannot be set back"
	expect_figures "$1" used_hiwater="$PAGE" largest_request=$block
	hold 2 "$PAGE" "$1" || fail_with "no blocks"
	expect_figures "$1" used_hiwater=$((3 * PAGE))
	free_held
	must_unload
}

# All that is not there, and whose the largest was.
failures() {
	local most=$((5 * PAGE - 480))
	must_load $FIXED || return
	hold 16 65536 dma || fail_with "no blocks"
	hold 16 65536 dma32 || fail_with "no blocks"
	hold 16 65536 kernel || fail_with "no blocks"
	! hold 1 "$PAGE" dma || fail_with "more than all"
	! hold 1 $most dma || fail_with "more than all"
	expect_figures dma failed_full=2 failed_mask=0 largest_failed=$most growths=0 failed_growths=0
	expect_equal "the device" "$(stat_of dma_largest_failed_dev)" dma_pool_test
	free_held
	! hold 1 "$PAGE" kernel reject || fail_with "got what the device rejects"
	expect_figures kernel failed_full=0 failed_mask=1
	must_unload
}

# Of a file per figure, of all in one, and of the table.
agree() {
	local key file pool
	must_load $FIXED || return
	hold 1 "$PAGE" kernel || fail_with "no page"
	expect_figures kernel largest_request="$PAGE"
	hold 3 8192 dma32 || fail_with "no blocks"
	expect_equal "version" "$(stat_of version)" 1
	for pool in $ZONES; do
		for file in "$POOLS/$pool"/*; do
			key=${pool}_${file##*/}
			expect_equal "$key" "$(stat_of "$key")" "$(cat "$file")"
		done
		[ "$(stat_of "${pool}_size")" = "$(size_of "$pool")" ] || fail_with "two sizes of $pool"
		grep -q "^$pool  *1024 " "$POOLS/summary" || fail_with "no row of $pool: $(cat "$POOLS/summary")"
	done
	expect_equal "chunks in the table" "$(grep -c " buddy \| cma " "$POOLS/summary")" 3
	for key in failed_no_pool failed_disabled; do expect_equal "$key" "$(stat_of $key)" 0; done
	free_held
	must_unload
}

# The driver of 2020: 172,928 bytes of a pool of 128 KiB. C fails for ever.
says_what_would_do() {
	must_load coherent_pool=dma:128K || return
	# It may have grown by the time that this is said.
	expect_warnings 1 "coherent_pool=256K would do; growing" \
		hold 1 172928 dma warn && fail_with "there was room"
	wait_for 20 fits 172928 || fail_with "still no room after it grew"
	free_held
	must_unload
	must_load coherent_pool=dma:256K-256K || return
	hold 1 172928 dma || fail_with "the value that was named does not do"
	expect_figures dma largest_request=172928
	free_held
	must_unload
}
fits() { hold 1 "$1" dma; } # SIZE

# What growth cannot mend is a warning still, and the ceiling is named once.
says_what_is_in_the_way() {
	local i
	must_load coherent_pool=dma:128K-128K || return
	for i in 1 2; do
		expect_warnings 1 "DMA pool exhausted for dma_pool_test: 172928 bytes asked of the dma pool of 128 KiB, 0 KiB in use, largest free piece 128 KiB, coherent_pool=128K-256K would do" \
			hold 1 172928 dma warn && fail_with "there was room"
	done
	wait_for 20 says_ceiling || fail_with "nothing is said about the ceiling"
	log_has "the dma pool may not grow above 128 KiB; a range such as coherent_pool=128K-256K lets it"
	log_has_not "; growing"
	expect_equal "how often that is said" "$(log_since | grep -c "may not grow above")" 1
	# More than any block can be: once.
	expect_warnings 1 "which no pool can serve in one piece" \
		hold 1 $((2 * $(largest_block))) dma warn && fail_with "more than a block"
	! hold 1 $((4 * $(largest_block))) dma warn || fail_with "more than a block"
	must_unload
}
says_ceiling() { log_read; log_since | grep -q "may not grow above"; }

# What was added and is idle goes back when memory is short, and nothing else.
gives_back() {
	local pool grown
	must_load coherent_pool=512K || return
	for pool in $ZONES; do
		hold 8 65536 "$pool" || fail_with "no blocks"
		wait_for 20 has_grown "$pool" || fail_with "the $pool pool does not grow"
	done
	# From the pieces that were added, as the first ones are full. Again less is free than
	# has to be.
	for pool in $ZONES; do hold 1 "$PAGE" "$pool" || fail_with "no page"; done
	for pool in $ZONES; do
		wait_for 20 is_size "$pool" 2097152 || fail_with "the $pool pool has $(size_of "$pool")"
	done
	grown=$(all_sizes)
	press
	sleep 0.5
	expect_equal "sizes with blocks out of each piece" "$(all_sizes)" "$grown"
	free_held
	press
	for pool in $ZONES; do
		wait_for 20 is_size "$pool" 524288 || fail_with "the $pool pool keeps $(size_of "$pool")"
		[ "$(figure "$pool" shrinks)" -ge 1 ] || fail_with "no shrink is counted"
		expect_figures "$pool" used=0 blocks=0 chunks=1
	done
	tell state=ok
	must_pass zero_every_page
	must_pass free_every_page_by_page
	must_unload
}
has_grown() { [ "$(size_of "$1")" -gt 524288 ]; } # POOL

# While all CPUs take blocks from a piece that is idle at times. The one behind it is in use,
# so that this is the one to go. There is one pool, as others would serve in its place.
gives_back_under_load() {
	local round i rounds=6 size=$((16 * PAGE)) gone=0 before
	! is_debug_kernel || rounds=3
	must_load "coherent_pool=dma:$size" || return
	for ((round = 0; round < rounds; round++)); do
		echo start >"$TEST/load" || fail_with "no load"
		hold 16 "$PAGE" dma
		wait_for 10 fits $((33 * PAGE)) || fail_with "it does not grow"
		before=$(figure dma shrinks)
		# A second after a request failed nothing goes.
		for i in {1..5}; do
			press
			sleep 0.3
		done
		gone=$((gone + $(figure dma shrinks) - before))
		echo stop >"$TEST/load"
		grep -q ' errors=0$' "$TEST/load" || fail_with "the load says $(cat "$TEST/load")"
		free_held
		press
		wait_for 20 is_size dma $size || { fail_with "it keeps $(size_of dma)"; return; }
	done
	msg "$gone pieces went while the load ran"
	[ $gone -gt 0 ] || fail_with "no piece went while the load ran"
	tell state=ok
	must_pass zero_every_page
	must_unload
}

# An open file runs nothing of ours when the module is gone.
open_files() {
	local text
	must_load $FIXED || return
	exec 8<"$POOLS/stats" 9<"$POOLS/dma/used"
	must_unload
	! text=$(cat <&8 2>/dev/null) || fail_with "stats can be read: $text"
	! text=$(cat <&9 2>/dev/null) || fail_with "used can be read: $text"
	exec 8<&- 9<&-
}

for pool in $ZONES; do
	add "figures of the $pool pool" counts "$pool"
done
add "failures are counted, with the largest" failures
add "all files say the same" agree
add "a failure says what would do, and that it grows" says_what_would_do
add "a failure says what is in the way" says_what_is_in_the_way
add "idle memory goes back when memory is short" gives_back
add "idle memory goes back under load" gives_back_under_load
add "open files do not keep the module" open_files
run_tests
