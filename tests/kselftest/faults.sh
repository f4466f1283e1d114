#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory that is refused while the module loads, while a pool grows and while the
# module goes: each allocation of the pools' in turn, pages and slab objects apart,
# until none fails any more. Only those are counted that have code of a module on
# their stack, or the function that brings the C pools back, so that the module loader,
# and whoever else, gets what it wants.
# Leaks on these paths are found by leaks.sh, too, which runs after this.

. "$(dirname "$0")/functions.sh"
start module zones

pages=$DEBUGFS/fail_page_alloc
slab=$DEBUGFS/failslab
if [ ! -e "$pages/require-start" ] || [ ! -e "$slab/require-start" ]; then
	skip_all "this kernel has no fault injection with a filter of stacks"
fi
# Where modules are. The kernel itself may be anywhere below, in its own range.
read -r _ _ _ _ _ at _ < <(grep '^dma_pool_test ' /proc/modules)
# shellcheck disable=SC2034 # by its name, in may_fail
case $(uname -m)/$at in
x86_64/0xffffffff[c-f]*) modules=(0xffffffffc0000000 0xffffffffff000000) ;;
x86_64/*) modules=(0xffffffffa0000000 0xffffffffff000000) ;;
aarch64/*) modules=(0xffff800000000000 0xffff800080000000) ;;
*) skip_all "where modules are on this machine is not known here" ;;
esac
# What the module calls last when it goes, and need not be on the stack then
mapfile -t unregister < <(sort /proc/kallsyms | awk '
	$3 == "dma_pool_unregister_provider" { print "0x" (start = $1); next }
	start && $1 != start { print "0x" $1; exit }')
[ "${#unregister[@]}" = 2 ] || skip_all "where the C pools come back is not known here"
# Its pools are not made of CMA, of which injection refuses nothing.
args=("coherent_pool=dma:192K,dma32:128K")
whole="0 196608 131072"
# More than the loops below can need
many=1000

set_fault() { echo "$2" >"$at/$1"; }

nothing_fails() {
	local at
	for at in "$pages" "$slab"; do
		set_fault verbose 0
		set_fault probability 0
		set_fault interval 1
		set_fault space 0
		set_fault times $many
		set_fault ignore-gfp-wait N
		set_fault task-filter N
		# No stack has this.
		set_fault require-start 1
		set_fault require-end 2
	done
}

# Counts the allocations of this kind that code in a range asks for, and lets those fail
# that fail-nth says, or all if a probability is given.
may_fail() { # RANGE DIRECTORY [MINIMAL-ORDER PROBABILITY]
	local -n range=$1
	local at=$2
	shift
	nothing_fails
	set_fault require-start "${range[0]}"
	set_fault require-end "${range[1]}"
	echo "${2:-0}" >"$pages/min-order"
	set_fault probability "${3:-0}"
}

# How many failed since may_fail.
failures() { echo $((many - $(cat "$1/times"))); }

# What it may say: gen_pool warns, and a pool that is missing is an error.
announced() { expect_warnings 0-1 "vmalloc error" expect_warnings 0-1 "DMA: failed to allocate" "$@"; }
nth() { # N COMMAND...
	# shellcheck disable=SC2030,SC2031 # of the shell in which exec is
	output=$(echo "$1" >/proc/self/fail-nth && shift && exec "$@" 2>&1)
}

# As at boot, whatever has grown since.
same_c_pools() {
	fresh_c_pools
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

c_pools() {
	fresh_c_pools
	c_sizes=$(all_sizes)
	[ "$c_sizes" != "0 0 0" ] || fail_with "no C pools"
}

# The pages that are free without any pool; later, that none got lost.
declare -A empty
note_memory() {
	must_load coherent_pool=0 || return
	settle
	free_memory
	empty=([kernel]=$free_kernel [dma]=$free_dma [dma32]=$free_dma32)
	must_unload
}

# A leak is found by its pages; there are more rounds than pages of slack.
nothing_lost() {
	local pool
	memory_slack
	slack=([kernel]=$slack_kernel [dma]=$slack_dma [dma32]=$slack_dma32)
	must_load coherent_pool=0 || return
	settle
	for pool in $ZONES; do
		# Where pages are lost, each try takes seconds on a debug kernel.
		wait_for 4 is_empty "$pool" ||
			fail_with "$((empty[$pool] - $(free_pages "$pool"))) pages of the zone of $pool are lost"
	done
	must_unload
}
declare -A slack
is_empty() { [ $((empty[$1] - $(free_pages "$1"))) -le "${slack[$1]}" ]; }

# each KIND LEAST FUNCTION [RANGE]: calls it with 1, 2, ... until nothing fails any more.
# With the last one all must be as it always is; at least LEAST must have failed.
each() {
	local kind=$1 least=$2 n failed
	note_memory || return
	for ((n = 1; n < many; n++)); do
		may_fail "${4:-modules}" "${!kind}"
		"$3" "$n" || fail_with "$kind $n: a step failed"
		failed=$(failures "${!kind}")
		nothing_fails
		[ ${#reasons[@]} -eq 0 ] || { fail_with "this was with $kind $n"; return; }
		[ "$failed" != 0 ] || break
	done
	msg "$((n - 1)) allocations ($kind) failed in turn"
	[ $n -gt "$least" ] || fail_with "only $((n - 1)) allocations were the pools', not $least"
	nothing_lost
}

# A module that loads has pools of the size that debugfs says, and says what lacks;
# or it is the files of debugfs that there was no memory for.
load_one() { # N
	if ! announced nth "$1" insmod "$MODULE" "${args[@]}"; then
		[[ $output == *'Cannot allocate memory'* ]] || fail_with "insmod says '$output'"
		! loaded || fail_with "insmod fails, but the module is there"
		[ "$(failures "${!kind}")" = 1 ] || fail_with "insmod fails, but no allocation did"
	else
		! all_sizes >/dev/null || what_is_there
		must_unload
	fi
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}

what_is_there() {
	local have log
	have=$(all_sizes)
	tell state=ok
	[ "$have" = "0 0 0" ] || must_pass zero_every_page
	[ "$have" != "$whole" ] || return 0
	[ "$(failures "${!kind}")" = 1 ] || fail_with "sizes are $have, and no allocation failed"
	log_read
	log=$(log_since)
	[[ $log == *'DMA: memory is short, the dma'* || $log == *'DMA: failed to allocate'* ]] ||
		fail_with "sizes are $have, and the log does not say why"
}

# A pool that could not grow is as it was, and grows when it is asked again.
grow_one() { # N
	local kworker want=262144 size=131072
	must_load coherent_pool=dma:128K || return
	for kworker in 2 $(pgrep -P 2 kworker); do
		echo "$1" 2>/dev/null >"/proc/$kworker/fail-nth"
	done
	expect_warnings 0-1 "vmalloc error" grow_once || fail_with "nobody tried to grow"
	for kworker in 2 $(pgrep -P 2 kworker); do
		echo 0 2>/dev/null >"/proc/$kworker/fail-nth"
	done
	if is_size dma $size; then
		! hold 1 $want dma || fail_with "a pool of $size bytes serves $want"
		wait_for 20 is_size dma $((size + want)) || fail_with "it does not grow when it is asked again"
	fi
	expect_equal "the dma pool" "$(size_of dma)" $((size + want))
	hold 1 $want dma || fail_with "a pool of $(size_of dma) bytes does not serve $want"
	free_held
	must_unload
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
}
grow_once() {
	! hold 1 262144 dma || fail_with "there is room already"
	wait_for 10 growth_has_ended
}
# Each attempt counts as one of the two, at its end.
growth_has_ended() { [ $(($(figure dma growths) + $(figure dma failed_growths))) -gt 0 ]; }

# rmmod goes through, whatever C then lacks: it gets that the next time.
unload_one() { # N
	must_load "${args[@]}" || return
	announced nth "$1" rmmod $NAME || fail_with "rmmod: $output"
	! loaded || fail_with "the module is still there"
	[ "$(failures "${!kind}")" = 1 ] || expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
	may_be_refilled || return
}

# Keeps the count of failures: none may be added.
may_be_refilled() {
	[ "$(all_sizes)" = "$c_sizes" ] || same_c_pools
}

# All C pools at once. That made of CMA lacks its bookkeeping.
no_c_pools() {
	must_load "${args[@]}" || return
	may_fail unregister "$pages" 0 100
	expect_warnings 3 "DMA: failed to allocate" expect_warnings 0-1 "vmalloc error" must_unload
	nothing_fails
	! all_sizes >/dev/null || expect_equal "sizes of the C pools" "$(all_sizes)" "0 0 0"
	same_c_pools
	tell state=ok fresh=1
	must_pass orders_process
}

# No block of this order or more. The first piece is as large as can be, further
# ones of 128 KiB at least; what is missing then is said.
no_large_blocks() { # ORDER
	local size=1048576 smallest=0
	while [ $((PAGE << smallest)) -lt 131072 ]; do smallest=$((smallest + 1)); done
	[ "$1" -gt $smallest ] || size=$((PAGE << ($1 - 1)))
	may_fail modules "$pages" "$1" 100
	load coherent_pool=dma:1M || fail_with "insmod: $output"
	nothing_fails
	expect_equal "the dma pool" "$(size_of dma)" $size
	[ $size = 1048576 ] || log_has "the dma pool lacks $(((1048576 - size) / 1024)) of 1024 KiB"
	tell state=ok
	must_pass zero_every_page
	must_unload
}

trap 'nothing_fails; finish' EXIT
nothing_fails
add "C pools as configured" c_pools
for order in 1 3 5 6 8; do
	add "no blocks of order $order or more" no_large_blocks $order
done
for kind in pages slab; do
	add "each allocation of insmod ($kind)" each $kind 3 load_one
	add "each allocation of growth ($kind)" each $kind 1 grow_one
	add "each allocation of rmmod ($kind)" each $kind 2 unload_one unregister
done
add "C pools cannot come back" no_c_pools
run_tests
