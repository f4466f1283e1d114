#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# clients.sh [--only c|module] [NAME...]: each driver of the table, or those that are named, at
# work on the pools: first those in C, then those in Rust, in one boot, as far as
# this kernel has both. Every row of the table it prints ("client: ...") is a
# test. The pools start small (coherent_pool= of the boot), so that they grow. Where memory
# pretends to be encrypted, a row also has how often some was converted to shared and to
# private, and the pages that stay shared.
#
# DMA_POOL_MODULE=builtin: the pools in Rust are part of this kernel.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/drivers/devices.sh
. "$(dirname "$0")/devices.sh"
# shellcheck source=tests/drivers/count.sh
. "$(dirname "$0")/count.sh"
start
# shellcheck source=tests/kselftest/shadow.sh
. "$DIR/shadow.sh"

row='client: %-5s %-8s %7s %7s %7s %7s %9s %6s %6s'
titles=(driver pools allocs frees growths failed verified wrong MB/s)
! is_encrypted || { row+=' %7s %7s %5s' && titles+=(shared private left); }
row+='\n'

client() { # DEVICE c|module|builtin
	local out
	load_device "$1"
	case $2 in
	c) fresh_c_pools ;;
	module) must_load ;;
	builtin) fresh_builtin_pools ;;
	esac || return
	[ "$(all_sizes)" != "0 0 0" ] || fail_with "there are no pools"
	io_reset
	if is_encrypted; then
		shared_before=$(shared_besides)
		shadow_begin
	fi
	count_begin
	bind && io
	count_now
	out=$((allocs - frees))
	if [ "$2" = module ] && [ $out -gt 0 ] && unload; then
		fail_with "the module goes while $driver has $out of its blocks"
		count_end
		return
	fi
	blocks_out=$out unbind
	count_end
	if is_encrypted; then
		shadow_end
		wait_for 10 none_left_shared || fail_with "pages stay shared"
		left=$(($(shared_besides) - shared_before))
	fi
	# shellcheck disable=SC2059
	printf "# $row" "$device" "$2" "$allocs" "$frees" "$chunks" "$failed" \
		"$((verified >> 20))M" "$wrong" "$rate" ${to_shared:+"$to_shared" "$to_private" "$left"}
	expect_equal "the number of blocks taken back" "$frees" "$allocs"
	case $pools in
	no) expect_equal "the number of blocks $driver took" "$allocs" 0 ;;
	any) ;;
	4K) [ "$allocs" -gt 0 ] || [ "$PAGE" -gt 4096 ] || fail_with "$driver took nothing from the pools" ;;
	*) [ "$allocs" -gt 0 ] || fail_with "$driver took nothing from the pools" ;;
	esac
	if [ "$2" = module ]; then
		expect_equal "the number of requests served by the module" "$by_rust" "$allocs"
		must_unload
	fi
}

# Swiotlb gives back in its own time.
none_left_shared() { [ "$(shared_besides)" = "$shared_before" ]; }

add_devices client "$@"
# shellcheck disable=SC2059
printf "# $row" "${titles[@]}"
run_tests
