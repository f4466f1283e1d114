#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# cma.sh POOL...: those pools, and only those, are made of CMA: the area of this
# boot lies in their zones, or below. With NVMe at work on them they grow from
# there, and all of it goes back.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/drivers/devices.sh
. "$(dirname "$0")/devices.sh"
start module zones
load_device nvme
in_cma=" $* "

cma_free() { settle && meminfo CmaFree; }
# The kernel lends what is free in CMA to others, a few pages at a time. No piece
# of a pool here is as small as that.
expect_about() { # WHAT HAVE WANTED
	local off=$(($2 - $3))
	[ "${off#-}" -le 65536 ] || fail_with "$1 is $2, not $3"
}

one_pool() { # POOL
	local before with after
	must_load coherent_pool=0 || return
	before=$(cma_free)
	must_unload
	must_load "coherent_pool=$1:3M" || return
	with=$(cma_free)
	bind && io
	after=$(cma_free)
	msg "$1: CmaFree $before, with 3 MiB in the pool $with, after I/O $after"
	case $in_cma in
	*" $1 "*) expect_about "what the $1 pool took from CMA" $((before - with)) 3145728 ;;
	*) expect_about "what the $1 pool took from CMA" $((before - with)) 0 ;;
	esac
	unbind
	must_unload
	must_load coherent_pool=0 || return
	expect_about "CmaFree when all is given back" "$(cma_free)" "$before"
	must_unload
}

add "no device is bound" unbind_all
[ "$(meminfo CmaTotal)" -gt 0 ] || bail "this kernel was booted without CMA"
for pool in $ZONES; do
	add "CMA and the $pool pool" one_pool "$pool"
done
run_tests
