#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the pools in Rust say about themselves: the figures in debugfs, held against
# what was done and against the trace events; what is said when a request fails; and
# that memory which was added goes back. Of pools that are built in, booted with
# coherent_pool=512K, the trace events alone.

. "$(dirname "$0")/functions.sh"
start module zones

TRACING=/sys/kernel/tracing
EVENTS=$TRACING/events/dma_pool
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
	expect_equal "sizes with blocks out of each piece" "$(all_sizes)" "$grown"
	free_held
	press
	for pool in $ZONES; do
		wait_for 20 is_small "$pool" || fail_with "the $pool pool keeps $(size_of "$pool")"
		[ "$(figure "$pool" shrinks)" -ge 1 ] || fail_with "no shrink is counted"
		expect_figures "$pool" used=0 blocks=0 chunks=1
	done
	tell state=ok
	must_pass zero_every_page
	must_pass free_every_page_by_page
	must_unload
}
has_grown() { [ "$(size_of "$1")" -gt 524288 ]; } # POOL
is_size() { [ "$(size_of "$1")" = "$2" ]; } # POOL BYTES
is_small() { [ "$(size_of "$1")" = 524288 ]; } # POOL
# All shrinkers are asked.
press() { echo 2 >/proc/sys/vm/drop_caches; sleep 0.5; }

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
			echo 2 >/proc/sys/vm/drop_caches
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

# What the counters of each pool are now, and its peak is what is out.
COUNTERS='allocs frees failed_full growths shrinks'
note_counters() {
	local pool key
	for pool in $ZONES; do
		for key in $COUNTERS; do before[${pool}_$key]=$(figure "$pool" "$key"); done
		before[${pool}_size]=$(size_of "$pool")
		echo 0 >"$POOLS/$pool/used_hiwater"
	done
}
since() { echo $(($(figure "$1" "$2") - before[$1_$2])); } # POOL NAME

# All events, in the order in which they were, whichever CPU they are from.
start_trace() {
	echo counter >$TRACING/trace_clock
	echo 16384 >$TRACING/buffer_size_kb
	echo >$TRACING/trace
	echo 1 >$TRACING/tracing_on
	echo 1 >$EVENTS/enable
}

# Sets traced[NAME] to what the events of a pool come to, one after the other; wrong is
# what is out twice, or comes back without being out.
read_trace() { # POOL
	local pair
	echo 0 >$EVENTS/enable
	! grep -h '^overrun: [^0]' $TRACING/per_cpu/cpu*/stats || fail_with "events were lost"
	while read -r pair; do
		traced[${pair%=*}]=${pair#*=}
	done < <(awk -v wanted="$1" '
		function value(name) {
			match($0, " " name "=[^ ]*")
			return substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 2)
		}
		/^#/ || value("pool") != wanted { next }
		{ bytes = value("bytes"); at = value("phys") }
		/ dma_pool_alloc: / {
			allocs++
			wrong += at in out
			out[at] = bytes
			used += bytes
			if (used > hiwater) hiwater = used
		}
		/ dma_pool_free: / {
			frees++
			wrong += out[at] != bytes
			delete out[at]
			used -= bytes
		}
		/ dma_pool_fail: / { fails++ }
		/ dma_pool_grow: / && bytes { grows++; size += bytes }
		/ dma_pool_shrink: / { shrinks++; size -= bytes }
		END {
			print "allocs=" allocs + 0 "\nfrees=" frees + 0 "\nfailed_full=" fails + 0
			print "growths=" grows + 0 "\nshrinks=" shrinks + 0 "\nsize=" size + 0
			print "used=" used + 0 "\nused_hiwater=" hiwater + 0 "\nwrong=" wrong + 0
		}' $TRACING/trace)
}

# Event by event.
traced() {
	local -A before traced
	local key
	[ -d $EVENTS ] || { skip "the kernel has no trace events"; return; }
	must_load coherent_pool=512K || return
	note_counters
	start_trace
	hold 8 65536 dma32 || fail_with "no blocks"
	wait_for 20 has_grown dma32 || fail_with "it does not grow"
	# What is traced are whole pages.
	hold 4 1000 dma32 || fail_with "no pages"
	! hold 1 $((2 * $(largest_block))) dma32 || fail_with "more than a block"
	free_held
	press
	wait_for 20 is_small dma32 || fail_with "it does not shrink"
	hold 3 $((2 * PAGE)) dma32 || fail_with "no pages"
	# Less than the low watermark is free. The event comes after the size, and the counter
	# after the event.
	wait_for 20 is_counted || fail_with "it does not grow again"
	read_trace dma32
	for key in $COUNTERS; do
		expect_equal "$key" "$(since dma32 "$key")" "${traced[$key]}"
	done
	expect_equal "frees" "${traced[frees]}" 12
	[ "${traced[growths]}" -ge 1 ] || fail_with "there was no growth"
	expect_equal "what is out" "$(figure dma32 used)" "${traced[used]}"
	expect_equal "what is out" "${traced[used]}" $((6 * PAGE))
	expect_equal "the peak" "$(figure dma32 used_hiwater)" "${traced[used_hiwater]}"
	expect_equal "the peak" "${traced[used_hiwater]}" $((8 * 65536 + 4 * PAGE))
	expect_equal "the size" "$(size_of dma32)" $((before[dma32_size] + traced[size]))
	expect_equal "blocks that were out twice" "${traced[wrong]}" 0
	free_held
	must_unload
}

is_counted() { [ $(($(since dma32 growths) - $(since dma32 shrinks))) = 1 ]; }

# Whoever follows blocks by their address finds none that is out twice: a block comes back
# before somebody else gets it, in the trace, too.
traced_under_load() {
	local -A before traced
	local pool
	[ -d $EVENTS ] || { skip "the kernel has no trace events"; return; }
	must_load coherent_pool=512K || return
	note_counters
	start_trace
	echo start >"$TEST/load" || fail_with "no load"
	sleep 2
	echo stop >"$TEST/load"
	for pool in $ZONES; do
		read_trace "$pool"
		expect_equal "$pool blocks that were out twice" "${traced[wrong]}" 0
		expect_equal "$pool allocs" "$(since "$pool" allocs)" "${traced[allocs]}"
		expect_equal "$pool frees" "$(since "$pool" frees)" "${traced[frees]}"
		[ "${traced[frees]}" -gt 20 ] || fail_with "there were ${traced[frees]} frees"
	done
	must_unload
}

if is_builtin; then
	add "trace events agree with the figures" traced
	add "trace events agree under load" traced_under_load
	run_tests
fi

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
add "trace events agree with the figures" traced
add "trace events agree under load" traced_under_load
run_tests
