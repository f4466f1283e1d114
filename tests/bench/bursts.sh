#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bursts.sh: loads that come and go, of the pools in C and then of those in Rust, in one
# boot with coherent_pool=256K. A line for each moment that was looked at, and one for
# each load; sizes are bytes:
#
#   bursts: POOLS LOAD at MS SIZE USED
#   bursts: POOLS LOAD sum POOL REQUESTS FAILED LARGEST LAST GROWTHS MIN MAX
#
# POOLS is c or module. A request that fails is not repeated. LARGEST is the most memory
# that the pool had, LAST what it has after all came back and memory was short. MAX is
# its ceiling, 0 for none. bursts.py on the host boots the guest, and judges.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
start module zones

MIN=262144

now() { local time=${EPOCHREALTIME/[.,]/}; ms=$(((time - begin) / 1000)); }

look() {
	local size
	read -r size <"$POOLS/pool_size_$pool"
	now
	echo "bursts: $pools $load at $ms $size $used"
	[ "$size" -le "$last" ] || growths=$((growths + 1))
	[ "$size" -le "$largest" ] || largest=$size
	last=$size
}

# Lets time pass.
pause() { # MS
	local end
	now
	end=$((ms + $1))
	while look; [ "$ms" -lt "$end" ]; do sleep 0.02; done
}

take() { # COUNT SIZE
	local i
	for ((i = 0; i < $1; i++)); do
		requests=$((requests + 1))
		if echo "1 $2 $pool" 2>/dev/null >"$TEST/hold"; then
			out+=($((($2 + PAGE - 1) / PAGE * PAGE)))
			used=$((used + out[-1]))
		else
			failed=$((failed + 1))
		fi
	done
	look
}

give() { # [every] COUNT: those that were taken first, or each of so many the first
	local i count=$1 every=1 rest=()
	[ "$1" != every ] || count=${#out[@]} every=$2
	echo "free $*" >"$TEST/hold" || bail "what is held cannot be given back"
	for i in "${!out[@]}"; do
		if [ "$i" -lt "$count" ] && [ $((i % every)) = 0 ]; then
			used=$((used - out[i]))
		else
			rest+=("${out[i]}")
		fi
	done
	out=("${rest[@]}")
	look
}

# 3 MiB, in steps.
burst() {
	for _ in {1..12}; do take 4 65536; pause 120; done
	pause 300
}

# Between 128 KiB and 1 MiB.
swing() {
	take 2 65536
	for _ in {1..6}; do
		for _ in {1..7}; do take 2 65536; pause 50; done
		give 14
		pause 300
	done
}

# Nearly 2 MiB, by and by, of which nothing comes back.
leak() {
	for _ in {1..30}; do take 4 16384; pause 60; done
}

# Pages are out with a free one between any two. Then come requests for 172,928 bytes.
fragments() {
	for _ in {1..8}; do take 32 "$PAGE"; pause 120; done
	give every 2
	for _ in {1..10}; do take 1 172928; pause 120; done
}

# All of the zone but 1 MiB is taken by others while 2 MiB are asked for, and then no
# longer while 1 MiB more is.
short() {
	echo "dma 1048576" >"$TEST/hog" || bail "the zone cannot be filled"
	for _ in {1..8}; do take 4 65536; pause 120; done
	echo free >"$TEST/hog"
	pause 500
	for _ in {1..4}; do take 4 65536; pause 120; done
	pause 300
}

# 3 MiB of a zone that has 15.
zone() { burst; }

run() { # c|module LOAD POOL
	local pools=$1 load=$2 pool=$3 begin=${EPOCHREALTIME/[.,]/} ms=0 max=0 tries=100
	local used=0 requests=0 failed=0 largest=0 growths=0 last=$MIN
	local -a out=()
	look
	"$load"
	[ ${#out[@]} = 0 ] || give ${#out[@]}
	pause 200
	press
	while look; [ "$last" -gt $MIN ] && [ $((tries -= 1)) -gt 0 ]; do
		[ "$pools" = module ] || [ $tries -gt 80 ] || break
		sleep 0.05
	done
	[ "$pools" = c ] || max=$(figure "$pool" max)
	echo "bursts: $pools $load sum $pool $requests $failed $largest $last $growths $MIN $max"
}

for load in burst swing leak fragments short zone; do
	case $load in short | zone) pool=dma ;; *) pool=dma32 ;; esac
	# The pools in C become what they were at boot when a module goes.
	load coherent_pool=0 || bail "$output"
	unload || bail "$output"
	run c $load $pool
	load coherent_pool=256K || bail "$output"
	run module $load $pool
	unload || bail "$output"
done
