#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The contract of the three entry points, held against the C pools first and
# then, with the same tests in the same boot, against the pools in Rust in all
# their combinations. What the C pools are known to fail is listed as XFAIL
# with its name; a test that claims to be such an improvement and passes on C
# fails here, and so does one that fails on C in another way than it is known to.
# ROWS=REGEX picks some of the rows below by their title; on a debug kernel, and where
# memory is encrypted, these are a few of the combinations.

. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/kselftest/shadow.sh
. "$DIR/shadow.sh"
start module

# What is run: "TITLE|STATE|FRESH|PARAMETERS", c for the C pools. A pool is in several
# chunks if it is larger than the largest block of the page allocator, with large pages
# none here.
rows="
C pools|ok|0|c
coherent_pool=7|ok|1|coherent_pool=7 coherent_pool_size=1M
coherent_pool=1|ok|1|coherent_pool=1 coherent_pool_size=512K
coherent_pool=2|ok|1|coherent_pool=2 coherent_pool_size=512K
coherent_pool=3|ok|1|coherent_pool=3 coherent_pool_size=256K
coherent_pool=4|ok|1|coherent_pool=4 coherent_pool_size=512K
coherent_pool=5|ok|1|coherent_pool=5 coherent_pool_size=128K
coherent_pool=6|ok|1|coherent_pool=6 coherent_pool_size=256K
several chunks|ok|1|coherent_pool=kernel:5M,dma:384K,dma32:4608K
"
# Where memory is encrypted that is not to be had.
is_encrypted || rows+="coherent_pool=0|disabled|1|coherent_pool=0
"
has_users || rows+="no coherent_pool|missing|1|coherent_pool_size=128K
"
# Without memory for it, the dma pool alone is no pool.
[[ " $ZONES " == *" dma "* ]] || rows=$(sed '/^coherent_pool=2|/d' <<<"$rows")
# Of those that are built in there is one combination, that of the boot.
! is_builtin || rows='built in|ok|0|builtin'

if ! is_builtin && { is_debug_kernel || is_encrypted; }; then
	ROWS=${ROWS:-'^(C pools|coherent_pool=[057]|several chunks)$'}
fi

# What the C pools are known for, as the tests say it.
declare -A known=(
	[grow_after_failure]='* never gets * KiB'
	[phys_ok_rejects_chunk]='a rejected chunk *hides the others*'
	[zero_tail_of_last_page]='byte * is 0xa5, not zero'
)

declare -a names flags
while read -r name flag; do
	names+=("$name")
	flags+=(" $flag ")
done <"$TEST/list"

# Whether a test is in a run.
applies() { # FLAGS STATE
	case $2 in
	ok) [[ $1 != *' nopool '* ]] ;;
	*) [[ $1 == *' any '* || $1 == *' nopool '* ]] ;;
	esac
}

each_row() { # FUNCTION
	local title state fresh parameters
	while IFS='|' read -r title state fresh parameters; do
		[[ -z $title || ! $title =~ ${ROWS:-.} ]] || "$1" "$title" "$state" "$fresh" "$parameters"
	done <<<"$rows"
}

plan=0
count_row() {
	local i
	for i in "${!names[@]}"; do
		! applies "${flags[i]}" "$2" || plan=$((plan + 1))
	done
	# Loading and unloading are a test of their own.
	[ "$4" = c ] || plan=$((plan + 1))
}

declare -A status said dirty
run_row() { # TITLE STATE FRESH PARAMETERS
	local title=$1 state=$2 fresh=$3 parameters=$4 i line at_start loads=0 complaints
	local -a words
	status=() said=() dirty=()
	reasons=()
	complaints=$(! is_encrypted || shadow complaints)
	if [ "$parameters" != c ]; then
		read -r -a words <<<"$parameters"
		must_load ${words[@]+"${words[@]}"} || loads=1
	fi
	at_start=$(all_sizes)
	log_mark "$SCRIPT: $title"
	for i in "${!names[@]}"; do
		name=${names[i]}
		applies "${flags[i]}" "$state" || continue
		if [ $loads != 0 ]; then
			status[$name]=1 said[$name]='the module is not there'
			continue
		elif [ "$parameters" = c ] && [[ ${flags[i]} == *' crash '* ]]; then
			status[$name]=3
			continue
		fi
		# Who wants to see pools grow must not find them at their ceiling.
		if [ "$parameters" != c ] && [[ $name == grow_* ]]; then
			must_unload && must_load ${words[@]+"${words[@]}"} || loads=1
			! is_builtin || wait_for 20 are_as_at_start || fail_with "pools keep what they grew by"
		fi
		# The size of a pool that has grown does not say what is in one chunk.
		sizes
		[ "$at_start" = "$size_kernel $size_dma $size_dma32" ] || fresh=0
		tell "state=$state fresh=$fresh"
		echo "dma_pool_test: test $name" >/dev/kmsg
		run_in_kernel "$name"
		status[$name]=$?
		said[$name]=$result
	done
	log_read
	while IFS=$'\t' read -r name _ line; do
		dirty[$name]=$line
	done < <(log_problems)
	for i in "${!names[@]}"; do
		! applies "${flags[i]}" "$state" || report_one "$title" "${names[i]}" "${flags[i]}"
	done
	if [ "$parameters" != c ]; then
		[ $loads != 0 ] || must_unload
		[ -z "${dirty[$SCRIPT: $title]:-}${dirty[all]:-}" ] ||
			fail_with "log: ${dirty[$SCRIPT: $title]:-}${dirty[all]:-}"
		# Of these, the log has the first few of a boot alone.
		! is_encrypted || expect_equal "the number of complaints" "$(shadow complaints)" "$complaints"
		if is_builtin; then report "$title: nothing else is said"; else report "$title: loads and unloads"; fi
	fi
}

# Idle memory goes back when the page allocator is short of it.
are_as_at_start() { press && [ "$(all_sizes)" = "$at_start" ]; }

report_one() { # TITLE NAME FLAGS
	local full="$1: $2" improvement=no
	[[ $1 != 'C pools' || $3 != *' improvement '* ]] || improvement=yes
	if [ -n "${dirty[$2]:-}" ]; then
		msg "log: ${dirty[$2]}"
		ktap_test_fail "$full"
		return
	fi
	case ${status[$2]}/$improvement in
	0/no)
		[ "${said[$2]}" = ok ] || msg "${said[$2]}"
		ktap_test_pass "$full"
		;;
	0/yes)
		msg "passes on the C pools: it is no improvement"
		ktap_test_fail "$full"
		;;
	1/yes)
		# shellcheck disable=SC2053 # a pattern
		if [[ ${said[$2]} == ${known[$2]:-} ]]; then
			msg "known of the C pools: ${said[$2]}"
			ktap_test_xfail "$full"
		else
			msg "not what is known of the C pools: ${said[$2]}"
			ktap_test_fail "$full"
		fi
		;;
	3/yes)
		msg "known of the C pools: an oops, not run"
		ktap_test_xfail "$full"
		;;
	2/*)
		ktap_test_skip "$full"
		;;
	*)
		msg "${said[$2]}"
		ktap_test_fail "$full"
		;;
	esac
}

each_row count_row
ktap_print_header
ktap_set_plan "$plan"
each_row run_row
ktap_finished
