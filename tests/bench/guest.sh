#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh calls|pairs: measures the pools of this boot, a line for each figure:
#
#   bench: POOLS WHAT FIGURE...     POOLS: c, module or builtin
#
# WHAT is what was written to the file "measure" of dma_pool_test.ko, whose
# measure.c explains it and the figures. All is measured several times, C and module by turns;
# bench.py on the host has the last word on what the lines mean.
#
# DMA_POOL_MODULE=builtin: the pools in Rust are part of this kernel.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"

size=4M
# One block is always out: the first that is taken wakes the worker that lets the
# pool grow, and what that costs depends on what the worker has done before.
#
# Of a pool of 4 MiB, blocks that leave 24 free.
taken=$(((4 << 20) / PAGE - 24))
calls=("calls kernel $PAGE 1" "calls kernel $PAGE $taken" "calls kernel 65536 1"
	"calls dma32 $PAGE 1" "calls dma $PAGE 1" foreign)
pairs=("pairs 1000")
rounds=2

case ${1:-} in
calls) what=("${calls[@]}") ;;
pairs) what=("${pairs[@]}") rounds=5 ;;
*) echo "usage: guest.sh calls|pairs"; exit 2 ;;
esac

measure() { # POOLS
	local one
	for one in "${what[@]}"; do
		echo "$one" >"$TEST/measure" || { echo "$1: cannot measure '$one'"; exit 1; }
		echo "bench: $1 ${one// /_} $(cat "$TEST/measure")"
	done
}

insmod "$TEST_MODULE" || exit 1
for ((round = 0; round < rounds; round++)); do
	if [ "$MODULE" = builtin ]; then
		measure builtin
		continue
	fi
	measure c
	insmod "$MODULE" "coherent_pool=$size" || exit 1
	measure module
	rmmod "$NAME" || exit 1
done
