# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # of those that source this
#
# One burst of all CPUs (test_modules/stress.c), for the scripts that press the pools.
# Sourced after functions.sh.

# What bursts have counted since somebody emptied it
declare -A total=()

# burst OPERATIONS SEED ORDER: blocks have at most 2^ORDER pages. No page may go wrong.
burst() {
	local words word key
	echo "$1 $2 $3" >"$TEST/stress" || fail_with "it does not run"
	read -r -a words <"$TEST/stress"
	for word in "${words[@]}"; do
		key=${word%%=*}
		total[$key]=$((${total[$key]:-0} + ${word#*=}))
		case $key in
		twice | dirty | overwritten | not_taken | nonsense | left)
			[ "${word#*=}" = 0 ] || fail_with "seed $2: $key ${word#*=}"
			;;
		esac
	done
}
