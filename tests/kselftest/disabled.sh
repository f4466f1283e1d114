#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Without pools: switched off by the user (quiet: a crash kernel may run with
# panic_on_warn), or missing because nothing needs them (loud).

. "$(dirname "$0")/functions.sh"
start module

line="atomic pools are disabled by coherent_pool=0"

count() { cat "$POOLS/disabled_allocs"; }

disabled() {
	must_load coherent_pool=0 || return
	expect_equal "sizes" "$(all_sizes)" "0 0 0"
	log_has "DMA: atomic pools disabled by coherent_pool=0"
	tell state=disabled
	must_pass without_pools
	must_pass without_pools_irqs_off
	must_pass without_pools_hardirq
	must_pass foreign_addresses
	must_pass foreign_memory
	must_unload
}

# Each refusal is counted. A few of those that may be are logged, with the device's
# name.
counted() {
	local i before
	must_load coherent_pool=0 || return
	before=$(count)
	! hold 1 4096 dma32 || fail_with "a block out of nothing"
	log_has_not "$line"
	for i in {2..40}; do
		! hold 1 4096 dma32 warn || fail_with "a block out of nothing"
	done
	expect_equal "disabled_allocs" $(($(count) - before)) 40
	expect_equal "what is in disabled_allocs" "$(od -An -c "$POOLS/disabled_allocs" | tr -d ' ')" "$(count)\\n"
	log_has "$line"
	log_since | grep -F "$line" | grep -qF dma_pool_test || fail_with "the line does not name the device"
	i=$(log_since | grep -cF "$line")
	[ "$i" -le 10 ] || fail_with "$i lines for 40 refusals"
	must_unload
}

# NULL is not a failure that anyone asked to be told about.
nowhere_warned() {
	must_load coherent_pool=0 || return
	tell state=disabled
	must_pass without_pools
	log_has_not "WARNING"
	log_has_not "suitable pool"
	log_has_not "exhausted"
	must_unload
}

# The counter is this module's and of this time.
counter_starts_at_zero() {
	must_load coherent_pool=0 || return
	expect_equal "disabled_allocs" "$(count)" 0
	must_unload
	must_load coherent_pool=1 coherent_pool_size=128K || return
	hold 1 4096 kernel || fail_with "no block"
	free_held
	expect_equal "disabled_allocs with pools" "$(count)" 0
	must_unload
}

# Not asked for and not needed: none, but then a request is a surprise.
missing() {
	if has_users; then
		skip "something on this machine uses pools"
		return
	fi
	# A parameter of its own, so that the kernel's command line does not count
	must_load coherent_pool_size=128K || return
	expect_equal "sizes" "$(all_sizes)" "0 0 0"
	tell state=missing
	must_pass without_pools
	must_pass without_pools_hardirq
	must_pass foreign_addresses
	expect_equal "disabled_allocs" "$(count)" 0
	must_unload
}

add "coherent_pool=0: no memory, no warning" disabled
add "coherent_pool=0: refusals are counted and named" counted
add "coherent_pool=0: nothing but that in the log" nowhere_warned
add "counter starts at zero" counter_starts_at_zero
add "no coherent_pool: no memory, a warning" missing
run_tests
