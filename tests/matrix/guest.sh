#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh TABLE BOOT FILTER: inside a guest, tries the rows of the table that belong
# to the boot with this name, and whose own name matches FILTER. Prints KTAP.
#
# DMA_POOL_MODULE=builtin: the pools in Rust are part of this kernel. none: there are
# none, and this kernel exports nothing that a test could ask those in C by.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:-$(dirname "$0")/../kselftest}/functions.sh"
# shellcheck source=tests/matrix/table.sh
. "$(dirname "$0")/table.sh"

table=$1 boot=$2 filter=$3

# What the pools take from CMA. Of a kernel that has just booted, nobody else
# has any.
cma_taken() { echo $(($(meminfo CmaTotal) - $(meminfo CmaFree))); }

expect_pools() { # EXPECTED, up to the first ;
	local word pool want have total
	for word in $1; do
		pool=${word%%=*} want=${word#*=}
		case $pool in
		all)
			for pool in $ZONES; do expect_pools "$pool=$want"; done
			continue
			;;
		cma) have=$(cma_taken) ;;
		*) have=$(size_of "$pool") ;;
		esac
		case $want in
		none) total=0 ;;
		+) total=$have; [ "$have" -gt 0 ] || fail_with "no $pool pool" ;;
		*) total=$(bytes "$want") ;;
		esac
		expect_equal "$pool" "$have" "$total"
	done
}

expect_log() { # LOG TEXT;TEXT...
	local text rest="$2;"
	while [ -n "$rest" ]; do
		read -r text <<<"${rest%%;*}"
		rest=${rest#*;}
		[ -z "$text" ] || grep -qF -- "$text" <<<"$1" || fail_with "the log does not say '$text'"
	done
}

# The pools do what pools do, or nothing in the right way.
try_pools() { # LOG
	local state=ok test
	if [ "$(all_sizes)" = "0 0 0" ]; then
		state=missing
		[[ $1 != *'atomic pools disabled by'* ]] || state=disabled
		tell "state=$state"
		must_pass without_pools
	else
		tell "state=ok fresh=1"
		for test in orders_irqs_off walk_from_kernel walk_from_dma walk_from_dma32 free_every_page_by_page; do
			must_pass $test
		done
	fi
	must_pass foreign_addresses
}

# What is there since boot.
row_of_boot() { # EXPECTED
	local log
	log=$(dmesg -t)
	expect_pools "${1%%;*}"
	expect_log "$log" "${1#"${1%%;*}"}"
	[ "$MODULE" = none ] || try_pools "$log"
}

row_of_module() {
	local words log before expected=${row_expected%%;*} texts=${row_expected#"${row_expected%%;*}"}
	before=$(all_sizes)
	[ "$row_args" = - ] || read -r -a words <<<"$row_args"
	if [ "${expected%% *}" = refused ]; then
		! load ${words[@]+"${words[@]}"} || fail_with "the module loads"
		[[ $output == *Invalid\ param* ]] || fail_with "insmod says '$output', which is not EINVAL"
		log_read
		expect_log "$(log_since)" "$texts"
		return
	fi
	must_load ${words[@]+"${words[@]}"} || return
	expect_pools "$expected"
	log_read
	log=$(log_since)
	expect_log "$log" "$texts"
	try_pools "$log"
	must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$before"
}

try_row() { # NAME ARGS EXPECTED BUILTIN
	local row_name=$1 row_args=$2 row_expected=$3 row_builtin=$4
	# The C pools as at boot, whatever has grown since. What is said then is not of
	# this row.
	if [[ $MODULE/$row_args != [bn]*/* && $row_args != c ]]; then
		load coherent_pool=0 && unload
		log_check
		log_mark "$SCRIPT: $row_name"
	fi
	case $MODULE/$row_args in
	builtin/*) row_of_boot "${row_builtin:-$row_expected}" ;;
	*/c) row_of_boot "$row_expected" ;;
	*) row_of_module ;;
	esac
}

start
while read_boot; do
	[[ $boot_name == "$boot" && "$boot_name: $row_name" =~ $filter ]] || continue
	add "$row_name" try_row "$row_name" "$row_args" "$row_expected" "$row_builtin"
done <"$table"
run_tests
