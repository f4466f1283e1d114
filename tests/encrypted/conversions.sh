#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Conversions that fail: each one of a load, of growth, of giving back and of an unload in
# turn, before and after it took effect. Whoever converted cannot know which, so that the
# pages are lost; no others may be, nothing may be said but that, and what is left of the
# pools has to work.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/encrypted/shadow.sh
. "$(dirname "$0")/shadow.sh"
start module zones

# More than any of the loops below can need
many=100
args=("coherent_pool=kernel:128K,dma:128K,dma32:128K")

fail_late() { echo "$1" >"$SHADOW/fail_late"; }
fail_nth() { echo "$1" >"$SHADOW/fail_nth"; }
has_failed() { [ "$(shadow fail_nth)" = 0 ]; }

# C gives back what it grew by, and says nothing of what it loses.
announced() {
	expect_warnings 0-1 "CPA VMM failure to convert memory" \
		expect_warnings 0-1 "leaking" expect_warnings 0-1 "DMA: failed to allocate" "$@"
}

# Bytes that the pools in Rust say they have lost since the module was loaded.
leaked() { local pool sum=0; for pool in $ZONES; do sum=$((sum + $(figure "$pool" leaked))); done; echo $sum; }

# each LATE FUNCTION: with the first, second, ... conversion failing, until none does.
each() {
	local n
	fail_late "$1"
	for ((n = 1; n < many; n++)); do
		lost=$(shadow unknown_pages)
		"$2" "$n" || fail_with "a step failed"
		! has_failed || fail_nth 0
		lost=$(($(shadow unknown_pages) - lost))
		expect_equal "the number of complaints" "$(shadow complaints)" 0
		[ ${#reasons[@]} -eq 0 ] || { fail_with "this was with conversion $n"; break; }
		[ "$failed" = yes ] || break
	done
	fail_nth 0
	msg "$((n - 1)) conversions failed in turn"
	[ $n -gt 1 ] || fail_with "there was no conversion"
}

# What the step that the next conversion fails in has lost, by the shadow and by the log.
lost_as_said() {
	local said
	failed=no
	! has_failed || failed=yes
	fail_nth 0
	log_read
	said=$(log_since | sed -n 's/.*DMA: leaking \([0-9]*\) KiB.*/\1/p' | awk '{ n += $1 } END { print n + 0 }')
	log_mark "$SCRIPT: one more"
	expect_equal "KiB lost, as the shadow has it" $((($(shadow unknown_pages) - lost) * PAGE / 1024)) "$said"
}

