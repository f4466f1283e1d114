#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh calls|chunks|nothing|longest|pairs|hook|profile [COUNT]: measures the pools of this boot, a
# line for each figure:
#
#   bench: POOLS WHAT FIGURE...     POOLS: c, module, builtin or stock
#
# WHAT is what was written to the file "measure" of dma_pool_test.ko, whose measure.c,
# pairs.c and ramp.c explain it and the figures; "hook" is of dma_pool_hook.ko. bench.py on the
# host boots the guests, and has the last word on what the lines mean.
#
#   calls    each kind of call, the pools in C and the module by turns; then the cost
#            against blocks out and, but for pools built in, against chunks
#   chunks   that against chunks alone, of pools built in, which were made of COUNT
#   nothing  what a free costs where there are no pools
#   longest  the longest call, of pools of 256 KiB that grow
#   pairs    what one CPU gets done, and two
#   hook     an allocation from the pools in C, in any kernel
#   profile  nothing: prints all symbols, and makes calls for stepping.py to step through
#
# DMA_POOL_MODULE=builtin: the pools in Rust are part of this kernel.
# DMA_POOL_HOOK= names dma_pool_hook.ko.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"

size=4M
# Of a pool of 4 MiB, blocks that leave 24 free.
pages=$(((4 << 20) / PAGE))
taken=$((pages - 24))

# Of a function that other files of the kernel can call
symbol() { awk -v name="$1" '$2 == "T" && $3 == name { print "0x" $1 }' /proc/kallsyms; }

die() { echo "$*"; exit 1; }

measure() { # POOLS WHAT...
	local pools=$1 what name figures
	shift
	for what; do
		# An address is not the same in each boot.
		name=${what/%"$check"/checked}
		echo "$what" >"$TEST/measure" || die "$pools: cannot measure '$what'"
		read -r figures <"$TEST/measure"
		echo "bench: $pools ${name// /_} $figures"
	done
}

load_module() { insmod "$MODULE" "coherent_pool=$1" || exit 1; }
unload_module() { rmmod "$NAME" || exit 1; }

# One block is always out: the first that is taken wakes the worker that lets the
# pool grow, and what that costs depends on what the worker has done before.
check=$(symbol dma_coherent_ok)
[ -n "$check" ] || die "this kernel has no dma_coherent_ok(), which is what allocations are measured with"
calls=("calls kernel $PAGE 1" "calls kernel $PAGE $taken"
	"calls kernel $PAGE 1 $check" "calls kernel $PAGE $taken $check"
	"calls kernel 65536 1" "calls dma32 $PAGE 1" "calls dma $PAGE 1" foreign)
# More than the pool has: it grows. Not again after that.
peak="calls kernel $PAGE 1500"
load=(1)
for ((i = 1; i < 8; i++)); do
	load+=($((pages * i / 8)))
done
load+=($((pages - 16)))

measure_load() { # POOLS
	local out
	for out in "${load[@]}"; do
		measure "$1" "calls kernel $PAGE $out"
	done
}

measure_hook() { # POOLS
	local free round figures
	# Inline in front of the other in kernels that have both
	free=$(symbol __dma_free_from_pool)
	for round in 1 2; do
		insmod "$DMA_POOL_HOOK" "alloc=$(symbol dma_alloc_from_pool)" \
			"free=${free:-$(symbol dma_free_from_pool)}" || exit 1
		read -r figures </sys/module/dma_pool_hook/parameters/figures
		echo "bench: $1 hook $figures"
		rmmod dma_pool_hook
	done
}

calls_builtin() {
	local round
	for round in 1 2; do
		measure builtin "${calls[@]}"
	done
	measure_load builtin
	measure builtin "chunks kernel 1" "$peak"
}

calls_by_turns() {
	local round count
	[ -z "${DMA_POOL_HOOK:-}" ] || measure_hook c
	for round in 1 2; do
		measure c "${calls[@]}"
		[ "$round" = 1 ] || measure_load c
		measure c "$peak"
		load_module "$size"
		measure module "${calls[@]}"
		[ "$round" = 1 ] || measure_load module
		measure module "$peak"
		unload_module
	done
	# The pools in C grow by a chunk each time; the module is told to have so many.
	for count in 1 2 4 8 16 32; do
		measure c "chunks kernel $count"
	done
	for count in 1 2 4 8 16 32; do
		load_module "kernel:$((4 * count))M"
		measure module "chunks kernel $count"
		unload_module
	done
}

# Short, and many: of a busy machine one in the middle says what is true.
pairs_of() { # POOLS
	local cpus i
	for i in {1..20}; do
		for cpus in 1 2; do
			measure "$1" "pairs $cpus 20"
		done
	done
}

profile() {
	local i
	awk '$2 ~ /^[tTwW]$/ { print "symbol:", $1, $2, $3 } END { print "symbols end" }' /proc/kallsyms
	for ((i = 0; i < 100000; i++)); do
		echo "calls kernel $PAGE 1" >"$TEST/measure" || exit 1
	done
}

[ "${1:-}" = hook ] || insmod "$TEST_MODULE" || exit 1
case ${1:-},$MODULE in
calls,builtin) calls_builtin ;;
calls,*) calls_by_turns ;;
chunks,builtin) measure builtin "chunks kernel ${2:?}" ;;
nothing,builtin) measure builtin foreign foreign ;;
nothing,*)
	measure c foreign foreign
	load_module 0
	measure module foreign foreign
	;;
longest,builtin) measure builtin "ramp kernel 160" ;;
longest,*)
	measure c "ramp kernel 160"
	load_module 256K
	measure module "ramp kernel 160"
	unload_module
	;;
pairs,builtin)
	for round in {1..4}; do
		pairs_of builtin
	done
	;;
pairs,*)
	for round in {1..4}; do
		pairs_of c
		load_module "$size"
		pairs_of module
		unload_module
	done
	;;
profile,builtin) profile ;;
profile,*)
	load_module "$size"
	profile
	;;
hook,*) measure_hook stock ;;
*) die "usage: guest.sh calls|chunks|nothing|longest|pairs|hook|profile [COUNT]" ;;
esac
