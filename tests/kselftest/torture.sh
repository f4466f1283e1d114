#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All that can happen to the pools, at the same time: every CPU presses them (stress.sh
# has the same alone) while the module comes and goes, memory is short, pools grow and
# shrink, their worker is kept from running, CPUs go offline, figures are read and, where
# memory is encrypted, conversions fail. In rounds with a choice of these, for MINUTES, and
# until each has happened. SEED is where the random numbers begin; the same one makes the
# same choices, though never the same interleavings. Ends with how long calls took, beside
# the C pools.

. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/kselftest/shadow.sh
. "$DIR/shadow.sh"
# shellcheck source=tests/kselftest/burst.sh
. "$DIR/burst.sh"
start module

seed=${SEED:-$(date +%s)}
RANDOM=$seed
minutes=${MINUTES:-0}
if is_debug_kernel; then ops=${OPS:-2000}; else ops=${OPS:-20000}; fi
# The largest block of a round has two to this power pages.
orders=(0 2 6 6)
parameters=(
	'coherent_pool=256K-8M'
	'coherent_pool=kernel:256K-4M,dma:128K-1M,dma32:1M-8M'
	'coherent_pool=dma32:512K-2M'
	'coherent_pool=4M'
)
tally=$(mktemp -d)

# What goes on beside the CPUs that press the pools: functions that go on until they are
# told, and note each time that something happened.
goes_on() { [ ! -e "$tally/stop" ]; }
note() { printf . >>"$tally/$1"; } # WHAT
count_of() { wc -c 2>/dev/null <"$tally/$1" || echo 0; } # WHAT

pressure() {
	while goes_on; do
		sleep 0.05
		press && note pressure
	done
}
# While a block is out it may not go; when none is for a moment, it does, and comes back.
comings() { # PARAMETERS
	while goes_on; do
		if ! loaded; then
			# shellcheck disable=SC2086 # words
			load $1 && note insmod
		else
			if unload; then note rmmod; else note refused; fi
			touch "$tally/turn"
		fi
		sleep "0.0$((RANDOM % 10))"
	done
}
hotplug() {
	local cpu
	while goes_on; do
		cpu=/sys/devices/system/cpu/cpu$((1 + RANDOM % ($(nproc --all) - 1)))/online
		echo 0 >"$cpu" && note hotplug
		sleep "0.$((RANDOM % 4))"
		echo 1 >"$cpu"
		sleep "0.$((RANDOM % 4))"
	done
}
# For a while only interrupts run on this CPU: not the worker of the pools.
spin() { # CPU
	chrt -f 2 taskset -c "$1" timeout 0.2 chrt -f 1 sh -c 'while :; do :; done' 2>/dev/null
	[ $? != 124 ] || note standstill
}
standstill() {
	local cpu
	while goes_on; do
		sleep "0.$((RANDOM % 9))"
		for ((cpu = 0; cpu < $(nproc --all); cpu++)); do
			spin $cpu &
		done
		wait
	done
}
readings() {
	while goes_on; do
		sleep 0.02
		[ ! -e "$POOLS/holders" ] || echo $((RANDOM % 2)) >"$POOLS/holders"
		cat "$POOLS"/s* && note readings
	done
} >/dev/null 2>&1
conversions() {
	while goes_on; do
		sleep "0.$((RANDOM % 5))"
		echo $((RANDOM % 2)) >"$SHADOW/fail_late"
		[ "$(shadow fail_nth)" != 0 ] || note conversions
		echo $((1 + RANDOM % 20)) >"$SHADOW/fail_nth"
	done
}

# One round: NUMBER, and the names of what goes on beside it.
round() {
	local number=$1 with bursts=0
	local -a beside=()
	shift
	rm -f "$tally/stop" "$tally/turn"
	for with; do
		"$with" "${parameters[number % ${#parameters[@]}]}" &
		beside+=($!)
	done
	# Until the module was there with all CPUs at work, which can take several bursts.
	until [ $bursts -ge 20 ] || { [ $bursts -gt 0 ] && { [ $# = 0 ] || [ -e "$tally/turn" ]; }; }; do
		burst "$ops" $((seed + number)) "${orders[RANDOM % ${#orders[@]}]}"
		bursts=$((bursts + 1))
	done
	touch "$tally/stop"
	[ $# = 0 ] || wait "${beside[@]}"
	! is_encrypted || echo 0 >"$SHADOW/fail_nth"
	! loaded || must_unload
	# C may have failed to fill a pool, and would do it when a request finds that empty.
	! is_encrypted || { must_load && must_unload; }
	# Nothing is lost: every page of the pools in C can be had.
	tell state=ok
	must_pass orders_process
}

rounds() { # FUNCTION SECONDS WHAT-HAS-TO-HAPPEN...
	local function=$1 end=$((SECONDS + $2)) number=0 reached what
	shift 2
	while [ ${#reasons[@]} = 0 ] && { [ $number -lt 4 ] || [ $SECONDS -lt $end ] ||
		{ [ $number -lt 40 ] && ! has_happened "$@"; }; }; do
		"$function" $number
		number=$((number + 1))
	done
	reached=${total[operations]}
	msg "$number rounds from seed $seed: $reached operations, nested" \
		"${total[nested_softirq]} in softirqs and ${total[nested_hardirq]} in hard interrupts," \
		"${total[refused]} requests got nothing; handed out twice ${total[twice]}, dirty" \
		"${total[dirty]}, overwritten ${total[overwritten]}, not taken back ${total[not_taken]}"
	[ "$reached" -gt 0 ] || fail_with "no operation"
	for what; do
		msg "$what: $(count_of "$what")"
		has_happened "$what" || fail_with "nothing happened: $what"
	done
	sed 's/^/# /' "$TEST/latency"
	echo reset >"$TEST/latency"
}
has_happened() { # WHAT...
	local what
	for what; do [ -s "$tally/$what" ] || return 1; done
}

quiet_round() { round "$1"; }
c_pools() {
	fresh_c_pools
	rounds quiet_round $((minutes * 6))
}

# In the first round all happens.
wild_round() {
	local with
	local -a chosen=(comings)
	for with in "${beside_all[@]}"; do
		[ "$1" != 0 ] && [ $((RANDOM % 2)) = 0 ] || chosen+=("$with")
	done
	if is_encrypted; then
		expect_warnings 0-999 "CPA VMM failure to convert memory" \
			expect_warnings 0-999 "of pool memory that cannot be encrypted again" \
			expect_warnings 0-999 "DMA: failed to allocate" \
			round "$1" "${chosen[@]}"
	else
		round "$1" "${chosen[@]}"
	fi
}
rust_pools() {
	total=()
	if cpus_can_go; then
		beside_all+=(hotplug)
	else
		msg "the CPUs of this machine cannot go offline"
	fi
	! is_encrypted || beside_all+=(conversions)
	rounds wild_round $((minutes * 54)) insmod refused "${beside_all[@]}"
}
beside_all=(pressure standstill readings)
cpus_can_go() {
	local cpu=/sys/devices/system/cpu/cpu1/online
	{ echo 0 >$cpu && echo 1 >$cpu; } 2>/dev/null
}

msg "SEED=$seed repeats this"
add "C pools" c_pools
add "pools in Rust" rust_pools
trap 'rm -rf "$tally"; finish' EXIT
run_tests
