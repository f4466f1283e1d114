#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Conversions that fail: each one of a load, of growth, of giving back and of an unload in
# turn, before and after it took effect. Whoever converted cannot know which, so that the
# pages are lost; no others may be, and what is left of the pools has to work. For the
# kernel of tests/encrypted.

. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/kselftest/shadow.sh
. "$DIR/shadow.sh"
start module zones
is_encrypted || skip_all "needs a kernel that takes itself for an encrypted guest (cc_emulate=guest)"

SIZE=131072
# More than any of the loops below can need
many=100
args=("coherent_pool=$((SIZE / 1024))K-8M")

# Lets the N-th conversion from now on fail, after it took effect if LATE is 1, and notes
# what is lost until now.
fail() { # N LATE
	echo "$2" >"$SHADOW/fail_late"
	lost=$(shadow unknown_pages)
	log_read
	lines_before=${#log_lines[@]}
	echo "$1" >"$SHADOW/fail_nth"
}

# Sets failed (whether one did), lost and said: KiB that nobody knows the state of, and
# that the pools in Rust say they lost.
fail_end() {
	failed=no
	[ "$(shadow fail_nth)" != 0 ] || failed=yes
	echo 0 >"$SHADOW/fail_nth"
	lost=$((($(shadow unknown_pages) - lost) * PAGE / 1024))
	log_read
	said=$(printf '%s\n' "${log_lines[@]:lines_before}" |
		sed -n 's/.*DMA: leaking \([0-9]*\) KiB.*/\1/p' | awk '{ n += $1 } END { print n + 0 }')
	expect_equal "the number of complaints" "$(shadow complaints)" 0
}

# What a failed conversion may make the kernel and the pools say.
announced() {
	expect_warnings 0-1 "CPA VMM failure to convert memory" \
		expect_warnings 0-1 "leaking" expect_warnings 0-1 "DMA: failed to allocate" "$@"
}

leaked_figure() { echo $(($(sed -n 's/^leaked=//p' "$POOLS/stats") / 1024)); }

# each LATE FUNCTION: with the first, second, ... conversion failing, until none does.
each() {
	local n
	for ((n = 1; n < many; n++)); do
		"$2" "$n" "$1" || fail_with "a step failed"
		[ ${#reasons[@]} -eq 0 ] || { fail_with "this was with conversion $n"; break; }
		[ "$failed" = yes ] || break
	done
	msg "$((n - 1)) conversions failed in turn"
	[ $n -gt 1 ] || fail_with "there was no conversion"
}

# C's chunks go, and say nothing; then each pool in Rust gets one.
load_one() { # N LATE
	local full="$SIZE $SIZE $SIZE"
	fail "$1" "$2"
	announced must_load "${args[@]}" || return
	fail_end
	if [ "$failed" = yes ] && [ "$(all_sizes)" = "$full" ]; then
		expect_equal "KiB said to be lost" "$said" 0
		expect_equal "KiB of C that are lost" "$lost" "$c_chunk"
	else
		expect_equal "KiB lost" "$lost" "$said"
		[ "$failed" = no ] || [ "$lost" -gt 0 ] || fail_with "a conversion failed, and nothing is lost"
	fi
	expect_equal "the figures' KiB lost" "$(leaked_figure)" "$said"
	tell state=ok
	must_pass zero_every_page
	must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

unload_one() { # N LATE
	must_load "${args[@]}" || return
	fail "$1" "$2"
	announced must_unload || return
	fail_end
	if [ "$(all_sizes)" = "$c_sizes" ]; then
		expect_equal "KiB lost" "$lost" "$said"
	else
		expect_equal "KiB said to be lost" "$said" 0
		expect_equal "KiB of C that are lost" "$lost" "$c_chunk"
		must_load "${args[@]}" && must_unload
		expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
	fi
}

# It never grows again, and says so; the others do.
growth() { # LATE
	must_load "${args[@]}" || return
	fail 1 "$1"
	announced grow_in_vain || return
	fail_end
	expect_equal "whether a conversion failed" "$failed" yes
	expect_equal "KiB lost" "$lost" "$said"
	expect_equal "the figures' KiB lost" "$(leaked_figure)" "$lost"
	log_has "DMA: the dma32 pool does not grow any more, as its memory cannot be decrypted"
	! hold 1 $((4 * SIZE)) dma32 || fail_with "a pool of $(size_of dma32) bytes serves $((4 * SIZE))"
	sleep 1
	expect_equal "size of the dma32 pool" "$(size_of dma32)" $SIZE
	expect_equal "its failed growths" "$(figure dma32 failed_growths)" 1
	! hold 1 $((4 * SIZE)) dma || fail_with "there is room already"
	wait_for 20 has_room dma || fail_with "the dma pool does not grow either"
	tell state=ok
	must_pass free_every_page_by_page
	must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}
grow_in_vain() {
	! hold 1 $((4 * SIZE)) dma32 || fail_with "there is room already"
	wait_for 20 has_failed_to_grow || fail_with "nobody tried to grow"
}
has_failed_to_grow() { [ "$(figure dma32 failed_growths)" = 1 ]; }
has_room() { [ "$(size_of "$1")" -ge $((5 * SIZE)) ]; }

# What a pool grew by stays lost, and no more of it.
giving_back() { # LATE
	must_load "${args[@]}" || return
	! hold 1 $((4 * SIZE)) dma32 || fail_with "there is room already"
	wait_for 20 has_room dma32 || fail_with "the pool does not grow"
	fail 1 "$1"
	announced give_back || fail_with "nothing goes back"
	fail_end
	expect_equal "whether a conversion failed" "$failed" yes
	expect_equal "KiB lost" "$lost" "$said"
	expect_equal "the figures' KiB lost" "$(leaked_figure)" "$lost"
	expect_equal "size of the dma32 pool" "$(size_of dma32)" $SIZE
	tell state=ok
	must_pass free_every_page_by_page
	must_unload
}
give_back() { press && wait_for 20 is_small; }
# What is counted is over, with all that is said of it; the size is smaller before that.
is_small() {
	is_size dma32 $SIZE && [ "$(figure dma32 shrinks)" = "$(figure dma32 growths)" ]
}

# Blocks of both are out while the module comes and goes. No page is private before its
# last block is back, and all are then.
blocks_out() {
	local pool before
	before=$(shared_besides)
	shadow_begin
	for pool in $ZONES; do hold 2 20000 "$pool" || fail_with "no block of C"; done
	must_load "${args[@]}" || return
	for pool in $ZONES; do hold 2 20000 "$pool" || fail_with "no block of the module"; done
	! unload || fail_with "the module goes while its blocks are out"
	free_held
	must_unload
	for pool in $ZONES; do hold 2 4096 "$pool" || fail_with "no block of C"; done
	free_held
	# What C has grown by goes, too.
	sleep 0.5
	must_load "${args[@]}" && must_unload
	wait_for 20 is_shared_besides "$before" || fail_with "$(($(shared_besides) - before)) pages stay shared"
	shadow_end
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
	expect_equal "conversions to private" "$to_private" "$to_shared"
}
is_shared_besides() { [ "$(shared_besides)" = "$1" ]; }

# Memory goes to C as private, whoever had it.
handed_over() {
	shadow_begin
	must_load "${args[@]}" || return
	! hold 1 $((4 * SIZE)) dma32 || fail_with "there is room already"
	wait_for 20 has_room dma32 || fail_with "the pool does not grow"
	hold 1 $((4 * SIZE)) dma32 || fail_with "there is no room"
	free_held
	give_back || fail_with "nothing goes back"
	must_unload
	shadow_end
	expect_equal "conversions to private" "$to_private" "$to_shared"
	c_chunk=$((${c_sizes%% *} / 1024))
}
c_pools() {
	must_load && must_unload
	c_sizes=$(all_sizes)
	[ "$c_sizes" != "0 0 0" ] || fail_with "no C pools"
}

add "C pools as configured" c_pools
add "growing, giving back and unloading convert both ways" handed_over
add "blocks of both are out while the module comes and goes" blocks_out
for late in 0 1; do
	when=$([ $late = 0 ] && echo before || echo after)
	add "each conversion of insmod fails, $when it took effect" each $late load_one
	add "each conversion of rmmod fails, $when it took effect" each $late unload_one
	add "a conversion of growth fails, $when it took effect" growth $late
	add "a conversion of giving back fails, $when it took effect" giving_back $late
done
run_tests
