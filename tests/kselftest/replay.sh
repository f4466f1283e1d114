#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Whatever sequence of requests and frees the C pools serve, those in Rust serve, at
# the same places: the sequences in sequences/, each given to the C pools first and
# then, in the same boot, to pools of 256 KiB, 1 MiB and 4 MiB of the module.
# test_modules/replay.c says what their words mean, and how growth is kept out of it.
# SEQUENCES=REGEX picks some of them by their names.

. "$(dirname "$0")/functions.sh"
! config DMA_POOL_RUST y || skip_all "the pools are built in: there are no C pools to compare with"
start module zones

# POOL SIZE: each size in another zone
pools='
dma    256K
kernel 1M
dma32  4M
'
outcome=/tmp/dma_pool_replay
mkdir -p $outcome

# replay POOL SIZE FILE TO: what came of each word is left in TO, the sums in TO.sums
replay() {
	# In one write: the shell would make several.
	{ echo "$1 $2 $(grep -v '^#' "$3")"; } | dd of="$TEST/replay" bs=64K iflag=fullblock status=none 2>/dev/null &&
		sed "1w $4.sums
			1d" "$TEST/replay" >"$4"
}

each_sequence() { # FUNCTION: called with NAME FILE POOL SIZE
	local pool size file name
	while read -r pool size; do
		[ -n "$pool" ] || continue
		for file in "$DIR"/sequences/*.table; do
			name=${file##*/}
			name=${name%.table}
			[[ ! $name =~ ${SEQUENCES:-.} ]] || "$1" "$name" "$file" "$pool" "$size"
		done
	done <<<"$pools"
}

in_c() { # NAME FILE POOL SIZE
	if [ "$previous" != "$3" ]; then
		fresh_c_pools
		[ "$(size_of "$3")" != 0 ] ||
			{ fail_with "no $3 pool of C: it needs coherent_pool= on the kernel's command line"; return; }
	fi
	previous=$3
	tell state=ok
	replay "$3" "$4" "$2" "$outcome/$1-$4-c" || fail_with "$1 does not run on the $3 pool of C, for $4"
}

all_in_c() {
	local previous=
	each_sequence in_c
}

in_both() { # NAME FILE POOL SIZE
	local file=$outcome/$1-$4 requests failures room c_failures c_room line
	must_load "coherent_pool=$3:$4" || return
	tell state=ok
	replay "$3" "$4" "$2" "$file-rust" || { fail_with "it does not run"; return; }
	must_unload
	[ -s "$file-c" ] || { fail_with "it did not run on the C pools"; return; }
	read -r _ c_failures c_room <"$file-c.sums"
	read -r requests failures room <"$file-rust.sums"
	requests=${requests#*=} failures=${failures#*=} c_failures=${c_failures#*=}
	msg "$requests requests, $c_failures refused by C, $failures by Rust; largest piece left, C ${c_room#*=}, Rust ${room#*=}"
	[ "$requests" -gt 0 ] || fail_with "no requests"
	[ "$failures" -le "$c_failures" ] || fail_with "Rust refuses $failures requests, C $c_failures"
	cmp -s "$file-c" "$file-rust" && return
	line=$(cmp "$file-c" "$file-rust" 2>&1 | sed 's/.*line //')
	fail_with "number $line, in C: $(sed -n "${line}p" "$file-c"), in Rust: $(sed -n "${line}p" "$file-rust")"
}

add_both() { add "$1 in $4" in_both "$@"; }

add "the C pools" all_in_c
each_sequence add_both
run_tests
