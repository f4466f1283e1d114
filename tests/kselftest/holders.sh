#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Who holds what, as dma_pools/holders in debugfs says: held against what was taken, also
# by devices that are gone, and while everything changes. Of pools that are built in, which
# were booted with coherent_pool_debug=1, the first test alone.

. "$(dirname "$0")/functions.sh"
start module zones
[ -d /sys/kernel/tracing/events/dma_pool ] || skip_all "needs trace events"

HOLDERS=$POOLS/holders
FIXED=coherent_pool=kernel:1M-1M,dma:1M-1M,dma32:1M-1M
OFF="off, writing 1 switches it on"

# What a device holds of a pool: blocks and bytes.
held_by() { # POOL DEVICE
	awk -v pool="$1" -v device="$2" '$1 == pool && $4 == device { print $2, $3 }' "$HOLDERS"
}
expect_held() { # POOL DEVICE BLOCKS PAGES
	expect_equal "$1 of $2" "$(held_by "$1" "$2")" "$3 $(($4 * PAGE))"
}
expect_rows() { # COUNT
	expect_equal "lines" "$(tail -n +2 "$HOLDERS" | wc -l)" "$1"
}

# From the start. A name is cut after 32 bytes; what a device takes is its own when it
# is gone, and whoever gives it back.
from_the_start() {
	must_load $FIXED coherent_pool_debug=1 || return
	is_builtin || expect_equal "the parameter" "$(cat $PARAMETERS/coherent_pool_debug)" Y
	expect_rows 0
	hold 3 "$PAGE" dma32 || fail_with "no pages"
	hold 2 $((2 * PAGE)) dma32 || fail_with "no blocks"
	hold 1 1000 dma || fail_with "no page"
	hold 4 $((PAGE + 1)) kernel of-somebody-else || fail_with "no blocks"
	hold 1 "$PAGE" kernel of-a-name-that-is-longer-than-32-bytes || fail_with "no page"
	expect_held dma32 dma_pool_test 5 7
	expect_held dma dma_pool_test 1 1
	expect_held kernel somebody-else 4 8
	expect_held kernel a-name-that-is-longer-than-32-by 1 1
	expect_rows 4
	free_held
	expect_rows 0
	must_unload
}

# What was out before is unknown, and coming back it is nobody's.
switched_on_later() {
	must_load $FIXED || return
	expect_equal "the file" "$(cat "$HOLDERS")" "$OFF"
	hold 3 $((2 * PAGE)) dma || fail_with "no blocks"
	echo 1 >"$HOLDERS" || fail_with "it cannot be switched on"
	expect_held dma "(unknown)" 3 6
	expect_rows 1
	hold 2 "$PAGE" dma || fail_with "no pages"
	expect_held dma "(unknown)" 3 6
	expect_held dma dma_pool_test 2 2
	free_held
	expect_rows 0
	hold 1 "$PAGE" dma || fail_with "no page"
	echo 1 >"$HOLDERS" || fail_with "it cannot be left on"
	expect_held dma dma_pool_test 1 1
	echo 0 >"$HOLDERS" || fail_with "it cannot be switched off"
	expect_equal "the file" "$(cat "$HOLDERS")" "$OFF"
	echo 1 >"$HOLDERS" || fail_with "it cannot be switched on again"
	expect_held dma "(unknown)" 1 1
	free_held
	expect_rows 0
	must_unload
}

# One sentence, and nothing is changed.
what_is_no_switch() {
	local value
	! load $FIXED coherent_pool_debug=banana || fail_with "it loads"
	log_has "$NAME: \`banana' invalid for parameter \`coherent_pool_debug'"
	must_load $FIXED || return
	for value in 2 -1 banana ''; do
		! echo "$value" 2>/dev/null >"$HOLDERS" || fail_with "it can be set to '$value'"
	done
	expect_equal "the file" "$(cat "$HOLDERS")" "$OFF"
	expect_equal "the mode" "$(stat -c %a "$HOLDERS")" 600
	must_unload
}

# More blocks than there is room for, and more devices. All that is not lost is right.
too_many() {
	local i count=9000 noted unknown lost
	[ "$PAGE" = 4096 ] || { skip "needs pages of 4 KiB"; return; }
	must_load coherent_pool=kernel:40M-40M coherent_pool_debug=1 || return
	hold $count "$PAGE" kernel || fail_with "no pages"
	read -r noted _ < <(held_by kernel dma_pool_test)
	read -r unknown _ < <(held_by kernel "(unknown)")
	lost=$(sed -n 's/^lost: \([0-9]*\) .*/\1/p' "$HOLDERS")
	[ "$noted" -gt 4096 ] || fail_with "only $noted blocks are noted"
	expect_equal "blocks" $((noted + unknown)) $count
	expect_equal "blocks that were lost" "$lost" "$unknown"
	free_held
	expect_rows 1
	echo 0 >"$HOLDERS"
	echo 1 >"$HOLDERS"
	for i in {1..130}; do hold 1 "$PAGE" kernel "of-device-$i" || fail_with "no page"; done
	expect_held kernel device-1 1 1
	expect_held kernel device-127 1 1
	expect_equal "devices beyond the last" "$(awk '/\(other devices\)$/ { print $1, $2, $3 }' "$HOLDERS")" \
		"kernel 3 12288"
	expect_rows 128
	free_held
	must_unload
}

# Switched on and off, and read, while all CPUs take and give back, also in interrupts.
under_load() {
	local round rounds=30
	! is_debug_kernel || rounds=5
	# QEMU may emulate an instruction of x86 that was just replaced by another one, which ends
	# in "Oops: int3" on a busy machine. torture.sh switches more often.
	[ "$(uname -m)" != x86_64 ] || rounds=3
	must_load coherent_pool=1M || return
	echo start >"$TEST/load" || fail_with "no load"
	for ((round = 0; round < rounds; round++)); do
		echo 1 >"$HOLDERS" || fail_with "it cannot be switched on"
		sleep 0.1
		grep -q '^pool ' "$HOLDERS" || fail_with "the file says $(cat "$HOLDERS")"
		[ $((round + 1)) = $rounds ] || echo 0 >"$HOLDERS" || fail_with "it cannot be switched off"
	done
	sleep 0.5
	cat "$HOLDERS" >/dev/null || fail_with "it cannot be read"
	echo stop >"$TEST/load"
	grep -q ' errors=0$' "$TEST/load" || fail_with "the load says $(cat "$TEST/load")"
	expect_rows 0
	# Gone with the module, while it is on and used.
	hold 1 "$PAGE" dma || fail_with "no page"
	expect_held dma dma_pool_test 1 1
	free_held
	must_unload
	must_load $FIXED || return
	hold 1 "$PAGE" dma || fail_with "no page"
	expect_equal "the file" "$(cat "$HOLDERS")" "$OFF"
	free_held
	must_unload
}

add "who holds what" from_the_start
if ! is_builtin; then
	add "switched on later" switched_on_later
	add "what is no switch" what_is_no_switch
	add "too many blocks and devices" too_many
	add "under load" under_load
fi
run_tests
